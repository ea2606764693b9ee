// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[W:.+]] = stablehlo.concatenate %arg1, %arg2, dim = 0 : (tensor<4x3x2xf32>, tensor<5x3x2xf32>)
// CHECK: %[[Y:.+]] = stablehlo.convolution(%arg0, %[[W]])
// CHECK: stablehlo.slice %[[Y]] [0:2, 0:4, 0:4]
// CHECK: stablehlo.slice %[[Y]] [0:2, 4:9, 0:4]
func.func @main(%x: tensor<2x3x5xf32>, %v: tensor<4x3x2xf32> {oxide.param = "v"},
                %w: tensor<5x3x2xf32> {oxide.param = "w"}) -> (tensor<2x4x4xf32>, tensor<2x5x4xf32>) {
  %0 = stablehlo.convolution(%x, %v) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x3x5xf32>, tensor<4x3x2xf32>) -> tensor<2x4x4xf32>
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x3x5xf32>, tensor<5x3x2xf32>) -> tensor<2x5x4xf32>
  return %0, %1 : tensor<2x4x4xf32>, tensor<2x5x4xf32>
}
