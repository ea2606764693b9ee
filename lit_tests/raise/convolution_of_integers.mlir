// RUN: oxide-opt %s --raise=integer-convolutions --canonicalize --dce | filecheck %s

// What stands for zero is padded, and taken off the sums: 3 times those of the kernel.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[ZERO:.+]] = stablehlo.constant dense<3> : tensor<i8>
// CHECK: %[[PADDED:.+]] = stablehlo.pad %arg0, %[[ZERO]], low = [0, 0, 1], high = [0, 0, 0]
// CHECK: stablehlo.convolution(%[[PADDED]], %arg1)
// CHECK-SAME: (tensor<2x4x10xi8>, tensor<6x4x3xi8>) -> tensor<2x6x8xi32>
// CHECK: stablehlo.subtract {{.+}} : tensor<2x6x8xi32>
func.func @main(%q: tensor<2x4x9xi8>, %r: tensor<6x4x3xi8>, %t: tensor<6xf32>) -> tensor<2x6x8xf32> {
  %z = stablehlo.constant dense<3> : tensor<2x4x9xi32>
  %s = stablehlo.constant dense<0.25> : tensor<2x4x9xf32>
  %a = stablehlo.convert %q : (tensor<2x4x9xi8>) -> tensor<2x4x9xi32>
  %b = stablehlo.subtract %a, %z : tensor<2x4x9xi32>
  %c = stablehlo.convert %b : (tensor<2x4x9xi32>) -> tensor<2x4x9xf32>
  %x = stablehlo.multiply %c, %s : tensor<2x4x9xf32>
  %g = stablehlo.convert %r : (tensor<6x4x3xi8>) -> tensor<6x4x3xf32>
  %h = stablehlo.broadcast_in_dim %t, dims = [0] : (tensor<6xf32>) -> tensor<6x4x3xf32>
  %w = stablehlo.multiply %g, %h : tensor<6x4x3xf32>
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {pad = [[1, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x4x9xf32>, tensor<6x4x3xf32>) -> tensor<2x6x8xf32>
  return %1 : tensor<2x6x8xf32>
}
