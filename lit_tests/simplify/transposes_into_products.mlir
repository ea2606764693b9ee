// RUN: oxide-opt %s --simplify | filecheck %s

// The product reads both operands as they are; its free dimensions come in their order, which cancels the last one.
// CHECK: %[[Y:.+]] = stablehlo.dot_general %arg0, %arg1, batching_dims = [0] x [0], contracting_dims = [1] x [1]
// CHECK-SAME: -> tensor<2x5x6x7xf32>
// CHECK: return %[[Y]]
func.func @main(%x: tensor<2x3x5x6xf32>, %y: tensor<2x3x7xf32>) -> tensor<2x5x6x7xf32> {
  %0 = stablehlo.transpose %x, dims = [0, 3, 2, 1] : (tensor<2x3x5x6xf32>) -> tensor<2x6x5x3xf32>
  %1 = stablehlo.transpose %y, dims = [0, 2, 1] : (tensor<2x3x7xf32>) -> tensor<2x7x3xf32>
  %2 = stablehlo.dot_general %0, %1, batching_dims = [0] x [0], contracting_dims = [3] x [2]
    : (tensor<2x6x5x3xf32>, tensor<2x7x3xf32>) -> tensor<2x6x5x7xf32>
  %3 = stablehlo.transpose %2, dims = [0, 2, 1, 3] : (tensor<2x6x5x7xf32>) -> tensor<2x5x6x7xf32>
  return %3 : tensor<2x5x6x7xf32>
}
