// RUN: oxide-opt %s --raise --dce | filecheck %s

// A scale for each channel that is summed over belongs to no feature.
// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.composite
// CHECK: stablehlo.convolution
func.func @main(%q: tensor<2x4x9xi8>, %r: tensor<6x4x3xi8>, %t: tensor<4xf32>) -> tensor<2x6x7xf32> {
  %s = stablehlo.constant dense<0.25> : tensor<2x4x9xf32>
  %c = stablehlo.convert %q : (tensor<2x4x9xi8>) -> tensor<2x4x9xf32>
  %x = stablehlo.multiply %c, %s : tensor<2x4x9xf32>
  %g = stablehlo.convert %r : (tensor<6x4x3xi8>) -> tensor<6x4x3xf32>
  %h = stablehlo.broadcast_in_dim %t, dims = [1] : (tensor<4xf32>) -> tensor<6x4x3xf32>
  %w = stablehlo.multiply %g, %h : tensor<6x4x3xf32>
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x4x9xf32>, tensor<6x4x3xf32>) -> tensor<2x6x7xf32>
  return %1 : tensor<2x6x7xf32>
}
