// RUN: oxide-opt %s --simplify=convolutions=auto --remarks 2>&1 | filecheck %s

// CHECK: remark: convolution-by-groups: stablehlo.convolution is taken apart, 130 products an element in each of 2 groups of 13 to 13 channels
// CHECK-LABEL: func.func @main
// CHECK: call @convolution_by_groups(%arg0, %arg1) :

// CHECK-LABEL: func.func private @convolution_by_groups(
// CHECK: %[[X0:.+]] = stablehlo.slice %arg0 [0:1, 0:12, 0:13]
// CHECK: %[[X1:.+]] = stablehlo.slice %arg0 [0:1, 0:12, 13:26]
// CHECK: %[[W0:.+]] = stablehlo.slice %arg1 [0:10, 0:13, 0:13]
// CHECK: %[[W1:.+]] = stablehlo.slice %arg1 [0:10, 0:13, 13:26]
// CHECK: %[[Y0:.+]] = stablehlo.convolution(%[[X0]], %[[W0]])
// CHECK-SAME: feature_group_count = 1
// CHECK: %[[Y1:.+]] = stablehlo.convolution(%[[X1]], %[[W1]])
// CHECK: stablehlo.concatenate %[[Y0]], %[[Y1]], dim = 2
func.func @main(%x: tensor<1x12x26xf32>, %w: tensor<10x13x26xf32>) -> tensor<1x3x26xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 2 : i64}
    : (tensor<1x12x26xf32>, tensor<10x13x26xf32>) -> tensor<1x3x26xf32>
  return %0 : tensor<1x3x26xf32>
}
