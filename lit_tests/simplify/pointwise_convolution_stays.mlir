// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// CHECK-DAG: pointwise-convolution: stablehlo.convolution stays, a product would give another order of dimensions
// CHECK-DAG: pointwise-convolution: stablehlo.convolution stays, its groups have one channel each
// CHECK-DAG: pointwise-convolution: stablehlo.convolution stays, it dilates its input
// CHECK-NOT: dot_general
func.func @main(%x: tensor<2x4x3x3xf32>, %w: tensor<6x4x1x1xf32>, %v: tensor<4x1x1x1xf32>)
    -> (tensor<2x6x3x3xf32>, tensor<2x4x3x3xf32>, tensor<2x6x5x3xf32>) {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x4x3x3xf32>, tensor<6x4x1x1xf32>) -> tensor<2x6x3x3xf32>
  %1 = stablehlo.convolution(%x, %v) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 4 : i64}
    : (tensor<2x4x3x3xf32>, tensor<4x1x1x1xf32>) -> tensor<2x4x3x3xf32>
  %2 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {lhs_dilate = [2, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x4x3x3xf32>, tensor<6x4x1x1xf32>) -> tensor<2x6x5x3xf32>
  return %0, %1, %2 : tensor<2x6x3x3xf32>, tensor<2x4x3x3xf32>, tensor<2x6x5x3xf32>
}
