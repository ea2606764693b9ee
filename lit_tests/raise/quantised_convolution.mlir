// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// The kernel has a scale and a zero for each of its features, the image one.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "oxide.quantized_convolution" %arg0, %{{.+}}, %{{.+}}, %arg1, %arg2, %arg3
// CHECK-SAME: layout = "NCW,OIW,NCW", padding = array<i64: 1, 0>
// CHECK-NOT: stablehlo.subtract
// CHECK: return
func.func @main(%q: tensor<2x4x9xi8>, %r: tensor<6x4x3xi8>, %t: tensor<6xf32>, %y: tensor<6xi64>) -> tensor<2x6x8xf32> {
  %z = stablehlo.constant dense<3> : tensor<2x4x9xi32>
  %s = stablehlo.constant dense<0.25> : tensor<2x4x9xf32>
  %a = stablehlo.convert %q : (tensor<2x4x9xi8>) -> tensor<2x4x9xi32>
  %b = stablehlo.subtract %a, %z : tensor<2x4x9xi32>
  %c = stablehlo.convert %b : (tensor<2x4x9xi32>) -> tensor<2x4x9xf32>
  %x = stablehlo.multiply %c, %s : tensor<2x4x9xf32>
  %d = stablehlo.convert %r : (tensor<6x4x3xi8>) -> tensor<6x4x3xi64>
  %e = stablehlo.broadcast_in_dim %y, dims = [0] : (tensor<6xi64>) -> tensor<6x4x3xi64>
  %f = stablehlo.subtract %d, %e : tensor<6x4x3xi64>
  %g = stablehlo.convert %f : (tensor<6x4x3xi64>) -> tensor<6x4x3xf32>
  %h = stablehlo.broadcast_in_dim %t, dims = [0] : (tensor<6xf32>) -> tensor<6x4x3xf32>
  %w = stablehlo.multiply %g, %h : tensor<6x4x3xf32>
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {pad = [[1, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<2x4x9xf32>, tensor<6x4x3xf32>) -> tensor<2x6x8xf32>
  return %1 : tensor<2x6x8xf32>
}
