// RUN: oxide-opt %s --raise --dce | filecheck %s

// Every batch has the same right side.  On the left the result's dimensions would have another order.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.dot_general %arg0, %arg1, contracting_dims = [2] x [0] {{.*}} -> tensor<2x3x5xf32>
// CHECK: stablehlo.dot_general %{{.+}}, %arg0, batching_dims = [0] x [0]
func.func @main(%x: tensor<2x3x4xf32>, %w: tensor<4x5xf32>) -> (tensor<2x3x5xf32>, tensor<2x5x3xf32>) {
  %0 = stablehlo.broadcast_in_dim %w, dims = [1, 2] : (tensor<4x5xf32>) -> tensor<2x4x5xf32>
  %1 = stablehlo.dot_general %x, %0, batching_dims = [0] x [0], contracting_dims = [2] x [1] : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  %2 = stablehlo.dot_general %0, %x, batching_dims = [0] x [0], contracting_dims = [1] x [2] : (tensor<2x4x5xf32>, tensor<2x3x4xf32>) -> tensor<2x5x3xf32>
  return %1, %2 : tensor<2x3x5xf32>, tensor<2x5x3xf32>
}
