// RUN: oxide-opt %s --hoist-params --remarks 2>&1 | filecheck %s

// CHECK: remark: hoist-params: @prepare computes fc.weight_transposed: tensor<3x4xf32>
// CHECK: func.func public @prepare(%[[W:.+]]: tensor<4x3xf32> {oxide.param = "fc.weight"})
// CHECK-SAME: -> (tensor<3x4xf32> {oxide.name = "fc.weight_transposed"})
// CHECK-NEXT: %[[T:.+]] = stablehlo.transpose %[[W]], dims = [1, 0]
// CHECK-NEXT: return %[[T]]
// CHECK: func.func @main(%[[X:.+]]: tensor<2x3xf32>, %[[T:.+]]: tensor<3x4xf32> {oxide.param = "fc.weight_transposed"})
// CHECK-SAME: oxide.prepare = "prepare"
// CHECK-NEXT: stablehlo.dot_general %[[X]], %[[T]]
func.func @main(%x: tensor<2x3xf32>, %w: tensor<4x3xf32> {oxide.param = "fc.weight"}) -> tensor<2x4xf32> {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
