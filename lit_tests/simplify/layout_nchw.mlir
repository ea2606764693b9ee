// RUN: oxide-opt %s --simplify=layout=nchw | filecheck %s

// The kernel is an input, so it keeps its layout.
// CHECK: %[[X:.+]] = stablehlo.transpose %arg0, dims = [0, 2, 1]
// CHECK: %[[Y:.+]] = stablehlo.convolution(%[[X]], %arg1) dim_numbers = [b, f, 0]x[0, i, o]->[b, f, 0]
// CHECK: stablehlo.transpose %[[Y]], dims = [0, 2, 1]
func.func @main(%x: tensor<2x8x3xf32>, %w: tensor<3x3x4xf32>) -> tensor<2x6x4xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x8x3xf32>, tensor<3x3x4xf32>) -> tensor<2x6x4xf32>
  return %0 : tensor<2x6x4xf32>
}
