// RUN: oxide-opt %s --simplify=reassociate | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// The factors of a batch norm that is not beside its convolution go to the kernel and the bias.
// CHECK: %[[S:.+]] = stablehlo.broadcast_in_dim %arg3, dims = [3] : (tensor<4xf32>) -> tensor<3x3x3x4xf32>
// CHECK: %[[W:.+]] = stablehlo.multiply %arg1, %[[S]]
// CHECK: stablehlo.convolution(%arg0, %[[W]])
// CHECK: %[[B:.+]] = stablehlo.multiply %arg2, %arg3 : tensor<4xf32>
// CHECK: stablehlo.broadcast_in_dim %[[B]], dims = [3]
// CHECK: stablehlo.add
// CHECK: %[[T:.+]] = stablehlo.transpose
// CHECK-NEXT: return %[[T]]

// KEPT: scaled-product: stablehlo.multiply stays, it needs reassociate
func.func @main(%x: tensor<2x8x8x3xf32>, %w: tensor<3x3x3x4xf32> {oxide.param = "w"},
                %b: tensor<4xf32> {oxide.param = "b"}, %s: tensor<4xf32> {oxide.param = "s"})
    -> tensor<2x4x8x8xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
    window = {pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x8x8x3xf32>, tensor<3x3x3x4xf32>) -> tensor<2x8x8x4xf32>
  %1 = stablehlo.broadcast_in_dim %b, dims = [3] : (tensor<4xf32>) -> tensor<2x8x8x4xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x8x8x4xf32>
  %3 = stablehlo.transpose %2, dims = [0, 3, 1, 2] : (tensor<2x8x8x4xf32>) -> tensor<2x4x8x8xf32>
  %4 = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<4xf32>) -> tensor<2x4x8x8xf32>
  %5 = stablehlo.multiply %3, %4 : tensor<2x4x8x8xf32>
  return %5 : tensor<2x4x8x8xf32>
}
