// RUN: oxide-opt %s --simplify | filecheck %s

// The batch has one element, so channels may come first: the kernel is the left factor.
// CHECK: %[[X:.+]] = stablehlo.slice %arg0 [0:1, 0:3, 0:5:2, 0:4]
// CHECK: %[[W:.+]] = stablehlo.reshape %arg1 : (tensor<5x3x1x1xf32>) -> tensor<5x3xf32>
// CHECK: %[[Y:.+]] = stablehlo.dot_general %[[W]], %[[X]], contracting_dims = [1] x [1], precision = [HIGH, DEFAULT]
// CHECK: stablehlo.reshape %[[Y]] : (tensor<5x1x3x4xf32>) -> tensor<1x5x3x4xf32>
func.func @main(%x: tensor<1x3x5x4xf32>, %w: tensor<5x3x1x1xf32>) -> tensor<1x5x3x4xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {stride = [2, 1]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64,
    precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision HIGH>]}
    : (tensor<1x3x5x4xf32>, tensor<5x3x1x1xf32>) -> tensor<1x5x3x4xf32>
  return %0 : tensor<1x5x3x4xf32>
}
