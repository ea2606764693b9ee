// RUN: oxide-opt %s --simplify=convolutions=auto --remarks 2>&1 | filecheck %s

// CHECK: remark: simplify: the module stays as it is, stablehlo.convolution is of quantised numbers
// CHECK-COUNT-2: stablehlo.convolution(%arg0
!x = !quant.uniform<i8:f32, 2.000000e+00>
!y = !quant.uniform<i32:f32, 4.000000e+00>
func.func @main(%x: tensor<1x4x4x!x>, %v: tensor<2x1x4x!x>, %w: tensor<1x4x6x!x>)
    -> (tensor<1x3x4x!y>, tensor<1x4x6x!y>) {
  %0 = stablehlo.convolution(%x, %v) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 4 : i64}
    : (tensor<1x4x4x!x>, tensor<2x1x4x!x>) -> tensor<1x3x4x!y>
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x4x4x!x>, tensor<1x4x6x!x>) -> tensor<1x4x6x!y>
  return %0, %1 : tensor<1x3x4x!y>, tensor<1x4x6x!y>
}
