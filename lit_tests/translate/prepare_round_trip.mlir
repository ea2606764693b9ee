// RUN: oxide-opt %s --hoist-params | oxide-translate --serialize --target=1.0.0 | oxide-translate --deserialize | filecheck %s
// RUN: oxide-opt %s --hoist-params | oxide-translate --emit-jax | filecheck %s --check-prefix=JAX

// CHECK: func.func public @prepare(%{{.+}}: tensor<4x3xf32> {oxide.param = "fc.weight"})
// CHECK: func.func @main
// CHECK-SAME: oxide.prepare = "prepare"
// JAX-LABEL: def prepare(params):
// JAX: return {"fc": {"weight_transposed": params["fc"]["weight"].T}}
// JAX-LABEL: def forward(params, x):
// JAX: return x @ params["fc"]["weight_transposed"]
func.func @main(%x: tensor<2x3xf32> {oxide.name = "x"}, %w: tensor<4x3xf32> {oxide.param = "fc.weight"})
    -> tensor<2x4xf32> {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
