// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[W:.+]] = stablehlo.reshape %arg1 : (tensor<1x1x3x5xf32>) -> tensor<3x5xf32>
// CHECK: %[[Y:.+]] = stablehlo.dot_general %arg0, %[[W]], contracting_dims = [3] x [0]
// CHECK: return %[[Y]]
func.func @main(%x: tensor<2x4x4x3xf32>, %w: tensor<1x1x3x5xf32>) -> tensor<2x4x4x5xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x4x4x3xf32>, tensor<1x1x3x5xf32>) -> tensor<2x4x4x5xf32>
  return %0 : tensor<2x4x4x5xf32>
}
