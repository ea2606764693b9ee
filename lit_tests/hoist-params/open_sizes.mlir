// RUN: oxide-opt %s --hoist-params | filecheck %s

// Weights have sizes even where inputs have none.
// CHECK: func.func public @prepare
// CHECK: stablehlo.transpose
// CHECK: func.func @main(%{{.+}}: tensor<?x3xf32>, %{{.+}}: tensor<3x4xf32> {oxide.param = "w_transposed"})
// CHECK-NEXT: stablehlo.dot_general
func.func @main(%x: tensor<?x3xf32>, %w: tensor<4x3xf32> {oxide.param = "w"}) -> tensor<?x4xf32> {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0]
    : (tensor<?x3xf32>, tensor<3x4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
