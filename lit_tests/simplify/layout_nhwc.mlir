// RUN: oxide-opt %s --simplify=layout=nhwc | filecheck %s
// RUN: oxide-opt %s --simplify=layout=auto | filecheck %s
// RUN: oxide-opt %s '--simplify=layout=auto device=gpu' | filecheck %s --check-prefix=GPU

// One transpose of the input, one of the result; the kernels' belong to @prepare.
// CHECK: %[[X:.+]] = stablehlo.transpose %arg0, dims = [0, 2, 3, 1] : (tensor<2x3x8x8xf32>)
// CHECK: %[[V:.+]] = stablehlo.transpose %arg1, dims = [2, 3, 1, 0] : (tensor<4x3x3x3xf32>)
// CHECK: %[[Y:.+]] = stablehlo.convolution(%[[X]], %[[V]]) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]
// CHECK: %[[B:.+]] = stablehlo.broadcast_in_dim %arg2, dims = [3] : (tensor<4xf32>) -> tensor<2x8x8x4xf32>
// CHECK: %[[Z:.+]] = stablehlo.add %[[Y]], %[[B]]
// CHECK: %[[W:.+]] = stablehlo.transpose %arg3, dims = [2, 3, 1, 0]
// CHECK: %[[R:.+]] = stablehlo.convolution(%[[Z]], %[[W]]) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]
// CHECK: %[[T:.+]] = stablehlo.transpose %[[R]], dims = [0, 3, 1, 2] : (tensor<2x8x8x4xf32>)
// CHECK: return %[[T]]

// GPU-NOT: stablehlo.transpose
func.func @main(%x: tensor<2x3x8x8xf32>, %v: tensor<4x3x3x3xf32> {oxide.param = "v"},
                %b: tensor<4xf32> {oxide.param = "b"}, %w: tensor<4x4x3x3xf32> {oxide.param = "w"})
    -> tensor<2x4x8x8xf32> {
  %0 = stablehlo.convolution(%x, %v) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x8x8xf32>
  %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4x8x8xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x4x8x8xf32>
  %3 = stablehlo.convolution(%2, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x4x8x8xf32>, tensor<4x4x3x3xf32>) -> tensor<2x4x8x8xf32>
  return %3 : tensor<2x4x8x8xf32>
}
