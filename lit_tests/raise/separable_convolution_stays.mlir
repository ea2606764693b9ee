// RUN: oxide-opt %s --raise --remarks 2>&1 | filecheck %s

// CHECK: separable-convolution: stablehlo.convolution stays
// CHECK-NOT: separable-convolution
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<2x4x9xf32>, %d: tensor<4x1x3xf32>, %p: tensor<6x4x1xf32>, %q: tensor<6x4x2xf32>) -> (tensor<2x6x7xf32>, tensor<2x6x6xf32>) {
  %0 = stablehlo.convolution(%x, %d) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {} {batch_group_count = 1 : i64, feature_group_count = 4 : i64} : (tensor<2x4x9xf32>, tensor<4x1x3xf32>) -> tensor<2x4x7xf32>
  %1 = stablehlo.convolution(%0, %p) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x4x7xf32>, tensor<6x4x1xf32>) -> tensor<2x6x7xf32>
  // Not one of single elements.
  %2 = stablehlo.convolution(%0, %q) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x4x7xf32>, tensor<6x4x2xf32>) -> tensor<2x6x6xf32>
  return %1, %2 : tensor<2x6x7xf32>, tensor<2x6x6xf32>
}
