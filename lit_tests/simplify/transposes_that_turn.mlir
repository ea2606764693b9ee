// RUN: oxide-opt %s --simplify | filecheck %s

// The sum stays as it is read: its second operand, which nothing transposes, decides.
// CHECK: %[[T:.+]] = stablehlo.transpose %arg0, dims = [0, 2, 1]
// CHECK: %[[S:.+]] = stablehlo.add %[[T]], %arg1
// CHECK: %[[E:.+]] = stablehlo.exponential %[[S]] : tensor<2x4x3xf32>
// CHECK: %[[D:.+]] = stablehlo.dot_general %[[E]], %arg2, contracting_dims = [2] x [0]
// CHECK: return %[[S]], %[[D]]
func.func @main(%x: tensor<2x3x4xf32>, %y: tensor<2x4x3xf32>, %w: tensor<3x5xf32> {oxide.param = "w"})
    -> (tensor<2x4x3xf32>, tensor<2x4x5xf32>) {
  %0 = stablehlo.transpose %x, dims = [0, 2, 1] : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
  %1 = stablehlo.add %0, %y : tensor<2x4x3xf32>
  %2 = stablehlo.transpose %1, dims = [0, 2, 1] : (tensor<2x4x3xf32>) -> tensor<2x3x4xf32>
  %3 = stablehlo.exponential %2 : tensor<2x3x4xf32>
  %4 = stablehlo.dot_general %3, %w, contracting_dims = [1] x [0]
    : (tensor<2x3x4xf32>, tensor<3x5xf32>) -> tensor<2x4x5xf32>
  return %1, %4 : tensor<2x4x3xf32>, tensor<2x4x5xf32>
}
