// RUN: oxide-opt %s --hoist-params --inline-prepare | filecheck %s

// CHECK-NOT: @prepare
// CHECK: func.func @main(%[[X:.+]]: tensor<2x3xf32>, %[[B:.+]]: tensor<4xf32> {oxide.param = "b"}, %[[W:.+]]: tensor<4x3xf32> {oxide.param = "w"})
// CHECK-NOT: oxide.prepare
// CHECK: %[[T:.+]] = stablehlo.transpose %[[W]]
// CHECK-NEXT: stablehlo.dot_general %[[X]], %[[T]]
func.func @main(%x: tensor<2x3xf32>, %w: tensor<4x3xf32> {oxide.param = "w"}, %b: tensor<4xf32> {oxide.param = "b"})
    -> tensor<2x4xf32> {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %3 = stablehlo.add %1, %2 : tensor<2x4xf32>
  return %3 : tensor<2x4xf32>
}
