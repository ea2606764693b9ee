// RUN: oxide-opt %s --simplify=convolutions=auto --remarks 2>&1 | filecheck %s

// CHECK: remark: convolution-by-taps: stablehlo.convolution stays, its sizes are open
// CHECK: stablehlo.convolution(%arg0, %arg1)
func.func @main(%x: tensor<?x4x4xf32>, %w: tensor<2x1x4xf32>) -> tensor<?x3x4xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 4 : i64}
    : (tensor<?x4x4xf32>, tensor<2x1x4xf32>) -> tensor<?x3x4xf32>
  return %0 : tensor<?x3x4xf32>
}
