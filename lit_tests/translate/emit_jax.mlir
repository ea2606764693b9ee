// RUN: oxide-translate --emit-jax %s | filecheck %s
// RUN: oxide-translate --emit-jax %s -o %t.py
// RUN: %python -c 'import numpy, runpy, sys; print(runpy.run_path(sys.argv[1])["forward"]({}, numpy.float32([0, 1])))' %t.py | filecheck %s --check-prefix=VALUE

// CHECK: def forward(params, x):
// CHECK: jnp.tanh(
// VALUE: 0.{{ *}} 0.7615942
func.func @main(%x: tensor<2xf32> {oxide.name = "x"}) -> tensor<2xf32> {
  %0 = stablehlo.tanh %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
