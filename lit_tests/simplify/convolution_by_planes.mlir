// RUN: oxide-opt %s --simplify=convolutions=auto --remarks 2>&1 | filecheck %s

// CHECK: remark: convolution-by-planes: stablehlo.convolution is taken apart, 72 products an element in each of 1 groups of 4 to 8 channels
// CHECK-LABEL: func.func @main
// CHECK: call @convolution_by_planes(%arg0, %arg1) :

// CHECK-LABEL: func.func private @convolution_by_planes(
// CHECK: %[[P:.+]] = stablehlo.pad %arg0, %{{.+}}, low = [0, 1, 0, 0, 0], high = [0, 0, 0, 0, 0]
// CHECK: %[[A:.+]] = stablehlo.slice %[[P]] [0:2, 0:5, 0:7, 0:7, 0:4]
// CHECK: %[[B:.+]] = stablehlo.slice %[[P]] [0:2, 1:6, 0:7, 0:7, 0:4]
// CHECK: %[[X:.+]] = stablehlo.concatenate %[[A]], %[[B]], dim = 4
// CHECK: stablehlo.reshape %[[X]] : (tensor<2x5x7x7x8xf32>) -> tensor<10x7x7x8xf32>
// CHECK: stablehlo.convolution
// CHECK-SAME: pad = {{\[\[}}1, 1], [1, 1]]
// CHECK-SAME: (tensor<10x7x7x8xf32>, tensor<3x3x8x8xf32>) -> tensor<10x7x7x8xf32>
func.func @main(%x: tensor<2x5x7x7x4xf32>, %w: tensor<2x3x3x4x8xf32>) -> tensor<2x5x7x7x8xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, 2, f]x[0, 1, 2, i, o]->[b, 0, 1, 2, f],
    window = {pad = [[1, 0], [1, 1], [1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
    : (tensor<2x5x7x7x4xf32>, tensor<2x3x3x4x8xf32>) -> tensor<2x5x7x7x8xf32>
  return %0 : tensor<2x5x7x7x8xf32>
}
