// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[G:.+]] = stablehlo.composite "oxide.group_norm" %arg0, %arg1, %arg2
// CHECK-SAME: axis = 3 : i64
// CHECK-SAME: (tensor<2x5x5x4xf32>
// CHECK-NEXT: return %[[G]]
func.func @main(%x: tensor<2x5x5x4xf32>, %s: tensor<4xf32> {oxide.param = "s"}, %b: tensor<4xf32> {oxide.param = "b"})
    -> tensor<2x5x5x4xf32> {
  %0 = stablehlo.transpose %x, dims = [0, 3, 1, 2] : (tensor<2x5x5x4xf32>) -> tensor<2x4x5x5xf32>
  %1 = stablehlo.composite "oxide.group_norm" %0, %s, %b {composite_attributes = {groups = 2 : i64,
    epsilon = 1.0e-05 : f64}, decomposition = @group_norm}
    : (tensor<2x4x5x5xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x5x5xf32>
  %2 = stablehlo.transpose %1, dims = [0, 2, 3, 1] : (tensor<2x4x5x5xf32>) -> tensor<2x5x5x4xf32>
  return %2 : tensor<2x5x5x4xf32>
}
func.func private @group_norm(%x: tensor<2x4x5x5xf32>, %s: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<2x4x5x5xf32> {
  return %x : tensor<2x4x5x5xf32>
}
