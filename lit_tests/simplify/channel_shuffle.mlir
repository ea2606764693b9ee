// RUN: oxide-opt %s --simplify=layout=nhwc | filecheck %s

// Groups of channels change places where the channels are: not one convolution changes layout for it.
// CHECK: %[[X:.+]] = stablehlo.transpose %arg0, dims = [0, 2, 3, 1] : (tensor<1x4x5x5xf32>)
// CHECK: %[[Y:.+]] = stablehlo.convolution(%[[X]], %{{.+}}) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]
// CHECK: %[[G:.+]] = stablehlo.reshape %[[Y]] : (tensor<1x5x5x4xf32>) -> tensor<1x5x5x2x2xf32>
// CHECK: %[[S:.+]] = stablehlo.transpose %[[G]], dims = [0, 1, 2, 4, 3]
// CHECK: %[[C:.+]] = stablehlo.reshape %[[S]] : (tensor<1x5x5x2x2xf32>) -> tensor<1x5x5x4xf32>
// CHECK: %[[Z:.+]] = stablehlo.convolution(%[[C]], %{{.+}}) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]
// CHECK: stablehlo.transpose %[[Z]], dims = [0, 3, 1, 2]
func.func @main(%x: tensor<1x4x5x5xf32>, %v: tensor<4x4x3x3xf32> {oxide.param = "v"},
                %w: tensor<4x4x3x3xf32> {oxide.param = "w"}) -> tensor<1x4x5x5xf32> {
  %0 = stablehlo.convolution(%x, %v) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x4x5x5xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x5x5xf32>
  %1 = stablehlo.reshape %0 : (tensor<1x4x5x5xf32>) -> tensor<1x2x2x5x5xf32>
  %2 = stablehlo.transpose %1, dims = [0, 2, 1, 3, 4] : (tensor<1x2x2x5x5xf32>) -> tensor<1x2x2x5x5xf32>
  %3 = stablehlo.reshape %2 : (tensor<1x2x2x5x5xf32>) -> tensor<1x4x5x5xf32>
  %4 = stablehlo.convolution(%3, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1],
    window = {pad = [[1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x4x5x5xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x5x5xf32>
  return %4 : tensor<1x4x5x5xf32>
}
