// RUN: oxide-opt %s --simplify | filecheck %s

// One window covers the image, so all of its dimensions are summed over; the second window has one element in one
// dimension and covers the other.
// CHECK: stablehlo.dot_general %arg0, %{{.+}}, contracting_dims = [1, 2, 3] x [1, 2, 3]
// CHECK-SAME: (tensor<2x3x4x5xf32>, tensor<6x3x4x5xf32>) -> tensor<2x6xf32>
// CHECK: stablehlo.dot_general %arg0, %{{.+}}, contracting_dims = [1, 3] x [1, 2]
// CHECK-SAME: (tensor<2x3x4x5xf32>, tensor<1x3x5xf32>) -> tensor<2x4x1xf32>
func.func @main(%x: tensor<2x3x4x5xf32>, %w: tensor<6x3x4x5xf32>, %v: tensor<1x3x1x5xf32>)
    -> (tensor<2x6x1x1xf32>, tensor<2x1x4x1xf32>) {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x3x4x5xf32>, tensor<6x3x4x5xf32>) -> tensor<2x6x1x1xf32>
  %1 = stablehlo.convolution(%x, %v) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x3x4x5xf32>, tensor<1x3x1x5xf32>) -> tensor<2x1x4x1xf32>
  return %0, %1 : tensor<2x6x1x1xf32>, tensor<2x1x4x1xf32>
}
