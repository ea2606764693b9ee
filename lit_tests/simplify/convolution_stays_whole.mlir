// RUN: oxide-opt %s --simplify=convolutions=auto --remarks 2>&1 | filecheck %s

// CHECK-DAG: convolution-by-groups: stablehlo.convolution stays, 130 products an element in each of 65 groups of 1 to 1 channels
// CHECK-DAG: convolution-by-groups: stablehlo.convolution stays, 2 products an element in each of 2 groups of 1 to 1 channels
// CHECK-LABEL: func.func @main
// CHECK-NOT: call
func.func @main(%x: tensor<1x132x65xf32>, %w: tensor<130x1x65xf32>, %y: tensor<2x3x1xf32>, %v: tensor<2x1x2xf32>,
                %z: tensor<1x8x9xf32>, %u: tensor<2x9x40xf32>)
    -> (tensor<1x3x65xf32>, tensor<1x2x2xf32>, tensor<1x7x40xf32>) {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 65 : i64}
    : (tensor<1x132x65xf32>, tensor<130x1x65xf32>) -> tensor<1x3x65xf32>
  %1 = stablehlo.convolution(%y, %v) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 2 : i64, feature_group_count = 1 : i64}
    : (tensor<2x3x1xf32>, tensor<2x1x2xf32>) -> tensor<1x2x2xf32>
  %2 = stablehlo.convolution(%z, %u) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x8x9xf32>, tensor<2x9x40xf32>) -> tensor<1x7x40xf32>
  return %0, %1, %2 : tensor<1x3x65xf32>, tensor<1x2x2xf32>, tensor<1x7x40xf32>
}
