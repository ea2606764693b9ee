// RUN: oxide-opt %s --fold-batch-norm --remarks 2>&1 | filecheck %s

// Into a convolution without padding; with padding the zeros would not be normalised, and behind a relu it is none of it.
// CHECK: remark: fold-batch-norm: stablehlo.batch_norm_inference stays, what it feeds pads with zeros, which it would not normalise
// CHECK: remark: fold-batch-norm: stablehlo.batch_norm_inference stays, it follows and feeds no convolution or product along its axis
// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.batch_norm_inference
// CHECK: %[[W:[0-9]+]] = stablehlo.multiply {{.+}} : tensor<3x2x2x2xf32>
// CHECK: %[[Y:.+]] = stablehlo.convolution(%{{.+}}, %[[W]])
// CHECK: stablehlo.reduce
// CHECK: stablehlo.add %[[Y]]
// CHECK: stablehlo.batch_norm_inference
// CHECK-NEXT: stablehlo.convolution
// CHECK: stablehlo.batch_norm_inference
// CHECK-NEXT: stablehlo.maximum
func.func @main(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x2x2xf32> {oxide.param = "w"}, %p: tensor<2xf32> {oxide.param = "p"},
    %zero: tensor<1x2x4x4xf32>) -> (tensor<1x3x3x3xf32>, tensor<1x3x5x5xf32>, tensor<1x3x3x3xf32>) {
  %0 = "stablehlo.batch_norm_inference"(%x, %p, %p, %p, %p) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %1 = stablehlo.convolution(%0, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x2x4x4xf32>, tensor<3x2x2x2xf32>) -> tensor<1x3x3x3xf32>
  %2 = "stablehlo.batch_norm_inference"(%x, %p, %p, %p, %p) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %3 = stablehlo.convolution(%2, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x2x4x4xf32>, tensor<3x2x2x2xf32>) -> tensor<1x3x5x5xf32>
  %4 = "stablehlo.batch_norm_inference"(%x, %p, %p, %p, %p) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  %5 = stablehlo.maximum %4, %zero : tensor<1x2x4x4xf32>
  %6 = stablehlo.convolution(%5, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x2x4x4xf32>, tensor<3x2x2x2xf32>) -> tensor<1x3x3x3xf32>
  return %1, %3, %6 : tensor<1x3x3x3xf32>, tensor<1x3x5x5xf32>, tensor<1x3x3x3xf32>
}
