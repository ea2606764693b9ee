// RUN: oxide-opt %s --raise --dce | filecheck %s

// What the TorchScript exporter makes of group_norm: an instance norm of groups, whose bias is 0.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.group_norm" %arg0, %arg1, %arg2 {composite_attributes = {epsilon = 1.000000e-05 : f64, groups = 2 : i64}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x4x3xf32>, %w: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<2x4x3xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %n = stablehlo.constant dense<6.0> : tensor<2x2xf32>
  %n1 = stablehlo.constant dense<6.0> : tensor<2x2xf32>
  %eps = stablehlo.constant dense<1.0e-5> : tensor<2x2xf32>
  %zeros = stablehlo.constant dense<0.0> : tensor<2x2x6xf32>
  %f = stablehlo.reshape %x : (tensor<2x4x3xf32>) -> tensor<2x2x6xf32>
  %s = stablehlo.reduce(%f init: %zero) applies stablehlo.add across dimensions = [2] : (tensor<2x2x6xf32>, tensor<f32>) -> tensor<2x2xf32>
  %m = stablehlo.divide %s, %n : tensor<2x2xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0, 1] : (tensor<2x2xf32>) -> tensor<2x2x6xf32>
  %c = stablehlo.subtract %f, %mb : tensor<2x2x6xf32>
  %q = stablehlo.multiply %c, %c : tensor<2x2x6xf32>
  %qs = stablehlo.reduce(%q init: %zero) applies stablehlo.add across dimensions = [2] : (tensor<2x2x6xf32>, tensor<f32>) -> tensor<2x2xf32>
  %var = stablehlo.divide %qs, %n1 : tensor<2x2xf32>
  %ve = stablehlo.add %var, %eps : tensor<2x2xf32>
  %r = stablehlo.rsqrt %ve : tensor<2x2xf32>
  %rb = stablehlo.broadcast_in_dim %r, dims = [0, 1] : (tensor<2x2xf32>) -> tensor<2x2x6xf32>
  %z = stablehlo.multiply %c, %rb : tensor<2x2x6xf32>
  %z0 = stablehlo.add %z, %zeros : tensor<2x2x6xf32>
  %back = stablehlo.reshape %z0 : (tensor<2x2x6xf32>) -> tensor<2x4x3xf32>
  %wb = stablehlo.broadcast_in_dim %w, dims = [1] : (tensor<4xf32>) -> tensor<2x4x3xf32>
  %bb = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4x3xf32>
  %zw = stablehlo.multiply %back, %wb : tensor<2x4x3xf32>
  %y = stablehlo.add %zw, %bb : tensor<2x4x3xf32>
  return %y : tensor<2x4x3xf32>
}
