// RUN: oxide-opt %s --fold-batch-norm --symbol-dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<1x2x4x4xf32>, %[[W:.+]]: tensor<3x2x3x3xf32> {oxide.param = "w"}
// CHECK-SAME: tensor<3xf32> {oxide.param = "b"}, %[[SCALE:.+]]: tensor<3xf32> {oxide.param = "bn.scale"}
// CHECK: %[[ROOT:.+]] = stablehlo.rsqrt
// CHECK: %[[FACTOR:.+]] = stablehlo.multiply %[[SCALE]], %[[ROOT]]
// CHECK: %[[WIDE:.+]] = stablehlo.broadcast_in_dim %[[FACTOR]], dims = [0] : (tensor<3xf32>) -> tensor<3x2x3x3xf32>
// CHECK: %[[SCALED:.+]] = stablehlo.multiply %[[W]], %[[WIDE]]
// CHECK: %[[Y:.+]] = stablehlo.convolution(%[[X]], %[[SCALED]])
// CHECK: %[[SUM:.+]] = stablehlo.add %[[Y]], %{{.+}}
// CHECK-NEXT: return %[[SUM]]
func.func @main(%x: tensor<1x2x4x4xf32>, %w: tensor<3x2x3x3xf32> {oxide.param = "w"},
    %b: tensor<3xf32> {oxide.param = "b"}, %scale: tensor<3xf32> {oxide.param = "bn.scale"},
    %bias: tensor<3xf32> {oxide.param = "bn.bias"}, %mean: tensor<3xf32> {oxide.param = "bn.mean"},
    %variance: tensor<3xf32> {oxide.param = "bn.variance"}) -> tensor<1x3x2x2xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<1x2x4x4xf32>, tensor<3x2x3x3xf32>) -> tensor<1x3x2x2xf32>
  %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xf32>) -> tensor<1x3x2x2xf32>
  %2 = stablehlo.add %0, %1 : tensor<1x3x2x2xf32>
  %3 = "stablehlo.batch_norm_inference"(%2, %scale, %bias, %mean, %variance)
    <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<1x3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x2x2xf32>
  return %3 : tensor<1x3x2x2xf32>
}
