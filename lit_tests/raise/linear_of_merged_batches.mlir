// RUN: oxide-opt %s --raise --dce | filecheck %s

// A linear layer on merged batches is one on the batches as they are, its bias included.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.dot_general %arg0, %arg1, contracting_dims = [2] x [0] {{.*}} -> tensor<2x3x5xf32>
// CHECK-NEXT: %[[B:.+]] = stablehlo.broadcast_in_dim %arg2, dims = [2]
// CHECK-NEXT: %[[Z:.+]] = stablehlo.add %[[Y]], %[[B]]
// CHECK-NEXT: return %[[Z]]
func.func @main(%x: tensor<2x3x4xf32>, %w: tensor<4x5xf32>, %b: tensor<5xf32>) -> tensor<2x3x5xf32> {
  %0 = stablehlo.reshape %x : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  %1 = stablehlo.dot_general %0, %w, contracting_dims = [1] x [0] : (tensor<6x4xf32>, tensor<4x5xf32>) -> tensor<6x5xf32>
  %2 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<5xf32>) -> tensor<6x5xf32>
  %3 = stablehlo.add %1, %2 : tensor<6x5xf32>
  %4 = stablehlo.reshape %3 : (tensor<6x5xf32>) -> tensor<2x3x5xf32>
  return %4 : tensor<2x3x5xf32>
}
