// RUN: oxide-opt %s --raise --dce | filecheck %s

// Moments over a batch of two are of no single instance.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "oxide.batch_norm"
// CHECK-NOT: oxide.group_norm
func.func @main(%x: tensor<2x4x9xf32>, %w: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<2x4x9xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %n = stablehlo.constant dense<18.0> : tensor<4xf32>
  %n1 = stablehlo.constant dense<18.0> : tensor<4xf32>
  %eps = stablehlo.constant dense<1.0e-5> : tensor<4xf32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0, 2] : (tensor<2x4x9xf32>, tensor<f32>) -> tensor<4xf32>
  %m = stablehlo.divide %s, %n : tensor<4xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [1] : (tensor<4xf32>) -> tensor<2x4x9xf32>
  %c = stablehlo.subtract %x, %mb : tensor<2x4x9xf32>
  %q = stablehlo.multiply %c, %c : tensor<2x4x9xf32>
  %qs = stablehlo.reduce(%q init: %zero) applies stablehlo.add across dimensions = [0, 2] : (tensor<2x4x9xf32>, tensor<f32>) -> tensor<4xf32>
  %var = stablehlo.divide %qs, %n1 : tensor<4xf32>
  %ve = stablehlo.add %var, %eps : tensor<4xf32>
  %r = stablehlo.rsqrt %ve : tensor<4xf32>
  %a = stablehlo.multiply %w, %r : tensor<4xf32>
  %ma = stablehlo.multiply %m, %a : tensor<4xf32>
  %o = stablehlo.subtract %b, %ma : tensor<4xf32>
  %ab = stablehlo.broadcast_in_dim %a, dims = [1] : (tensor<4xf32>) -> tensor<2x4x9xf32>
  %ob = stablehlo.broadcast_in_dim %o, dims = [1] : (tensor<4xf32>) -> tensor<2x4x9xf32>
  %xa = stablehlo.multiply %x, %ab : tensor<2x4x9xf32>
  %t = stablehlo.add %xa, %ob : tensor<2x4x9xf32>
  return %t : tensor<2x4x9xf32>
}
