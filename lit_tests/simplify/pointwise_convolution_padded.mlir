// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[X:.+]] = stablehlo.pad %arg0, %{{.+}}, low = [0, 1, 0, 0], high = [0, 0, 2, 0]
// CHECK: stablehlo.dot_general %[[X]], %{{.+}}, contracting_dims = [3] x [0]
func.func @main(%x: tensor<2x4x4x3xf32>, %w: tensor<1x1x3x5xf32>) -> tensor<2x5x6x5xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
    window = {pad = [[1, 0], [0, 2]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x4x4x3xf32>, tensor<1x1x3x5xf32>) -> tensor<2x5x6x5xf32>
  return %0 : tensor<2x5x6x5xf32>
}
