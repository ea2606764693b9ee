// RUN: oxide-opt %s --simplify | filecheck %s

// The small tensor is transposed for the broadcast that is used elsewhere, never the large one.
// CHECK: %[[T:.+]] = stablehlo.transpose %arg0, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
// CHECK: %[[B:.+]] = stablehlo.broadcast_in_dim %[[T]], dims = [0, 1] : (tensor<3x4xf32>) -> tensor<3x4x9xf32>
// CHECK: %[[C:.+]] = stablehlo.broadcast_in_dim %arg0, dims = [0, 1] : (tensor<4x3xf32>) -> tensor<4x3x9xf32>
// CHECK: %[[S:.+]] = stablehlo.add %[[C]], %arg1
// CHECK: return %[[B]], %[[S]]
func.func @main(%x: tensor<4x3xf32>, %y: tensor<4x3x9xf32>) -> (tensor<3x4x9xf32>, tensor<4x3x9xf32>) {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<3x4xf32>) -> tensor<3x4x9xf32>
  %2 = stablehlo.transpose %y, dims = [1, 0, 2] : (tensor<4x3x9xf32>) -> tensor<3x4x9xf32>
  %3 = stablehlo.add %1, %2 : tensor<3x4x9xf32>
  %4 = stablehlo.transpose %3, dims = [1, 0, 2] : (tensor<3x4x9xf32>) -> tensor<4x3x9xf32>
  return %1, %4 : tensor<3x4x9xf32>, tensor<4x3x9xf32>
}
