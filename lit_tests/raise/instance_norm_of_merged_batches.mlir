// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// What PyTorch decomposes instance_norm to: batch norm of [1, batch * channels, ...] by the moments of that.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.group_norm" %arg0, %arg1, %arg2 {composite_attributes = {epsilon = 1.000000e-05 : f64, groups = 4 : i64}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x4x9xf32>, %w: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<2x4x9xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %n = stablehlo.constant dense<9.0> : tensor<8xf32>
  %n1 = stablehlo.constant dense<9.0> : tensor<8xf32>
  %eps = stablehlo.constant dense<1.0e-5> : tensor<8xf32>
  %w2 = stablehlo.broadcast_in_dim %w, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %ws = stablehlo.reshape %w2 : (tensor<2x4xf32>) -> tensor<8xf32>
  %b2 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %bs = stablehlo.reshape %b2 : (tensor<2x4xf32>) -> tensor<8xf32>
  %f = stablehlo.reshape %x : (tensor<2x4x9xf32>) -> tensor<1x8x9xf32>
  %s = stablehlo.reduce(%f init: %zero) applies stablehlo.add across dimensions = [0, 2] : (tensor<1x8x9xf32>, tensor<f32>) -> tensor<8xf32>
  %m = stablehlo.divide %s, %n : tensor<8xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [1] : (tensor<8xf32>) -> tensor<1x8x9xf32>
  %c = stablehlo.subtract %f, %mb : tensor<1x8x9xf32>
  %q = stablehlo.multiply %c, %c : tensor<1x8x9xf32>
  %qs = stablehlo.reduce(%q init: %zero) applies stablehlo.add across dimensions = [0, 2] : (tensor<1x8x9xf32>, tensor<f32>) -> tensor<8xf32>
  %var = stablehlo.divide %qs, %n1 : tensor<8xf32>
  %ve = stablehlo.add %var, %eps : tensor<8xf32>
  %r = stablehlo.rsqrt %ve : tensor<8xf32>
  %a = stablehlo.multiply %ws, %r : tensor<8xf32>
  %ma = stablehlo.multiply %m, %a : tensor<8xf32>
  %o = stablehlo.subtract %bs, %ma : tensor<8xf32>
  %ab = stablehlo.broadcast_in_dim %a, dims = [1] : (tensor<8xf32>) -> tensor<1x8x9xf32>
  %ob = stablehlo.broadcast_in_dim %o, dims = [1] : (tensor<8xf32>) -> tensor<1x8x9xf32>
  %xa = stablehlo.multiply %f, %ab : tensor<1x8x9xf32>
  %t = stablehlo.add %xa, %ob : tensor<1x8x9xf32>
  %y = stablehlo.reshape %t : (tensor<1x8x9xf32>) -> tensor<2x4x9xf32>
  return %y : tensor<2x4x9xf32>
}
