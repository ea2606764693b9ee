// RUN: oxide-translate --emit-jax %s | filecheck %s
// RUN: oxide-translate --emit-jax %s -o %t.py
// RUN: %python -c 'import numpy, runpy, sys; forward = runpy.run_path(sys.argv[1])["forward"]; print([forward({}, numpy.ones((n, 2), "f")).tolist() for n in (1, 3)])' %t.py | filecheck %s --check-prefix=VALUE

// A size is a Python integer named after its symbol; arithmetic on sizes is Python's.
// CHECK: def forward(params, x):
// CHECK: batch = x.shape[0]
// CHECK: return x.reshape(-1) + jnp.arange(2 * batch, dtype=jnp.float32)
// VALUE: {{\[\[}}1.0, 2.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
func.func @main(%x: tensor<?x2xf32> {oxide.name = "x", oxide.shape = "batch, 2"}) -> tensor<?xf32> {
  %two = stablehlo.constant dense<2> : tensor<i32>
  %0 = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x2xf32>) -> tensor<i32>
  %1 = stablehlo.multiply %0, %two : tensor<i32>
  %2 = stablehlo.reshape %1 : (tensor<i32>) -> tensor<1xi32>
  %3 = stablehlo.dynamic_reshape %x, %2 : (tensor<?x2xf32>, tensor<1xi32>) -> tensor<?xf32>
  %4 = stablehlo.dynamic_iota %2, dim = 0 : (tensor<1xi32>) -> tensor<?xf32>
  %5 = stablehlo.add %3, %4 : tensor<?xf32>
  return %5 : tensor<?xf32>
}
