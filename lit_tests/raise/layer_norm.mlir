// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.layer_norm" %arg0, %arg1, %arg1 {composite_attributes = {axes = array<i64: 1>, epsilon = 1.000000e-05 : f64}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x8xf32>, %w: tensor<8xf32>) -> tensor<2x8xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %n = stablehlo.constant dense<8.0> : tensor<2xf32>
  %n1 = stablehlo.constant dense<8.0> : tensor<2xf32>
  %eps = stablehlo.constant dense<1.0e-5> : tensor<2xf32>
  %s = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
  %m = stablehlo.divide %s, %n : tensor<2xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<2xf32>) -> tensor<2x8xf32>
  %c = stablehlo.subtract %x, %mb : tensor<2x8xf32>
  %q = stablehlo.multiply %c, %c : tensor<2x8xf32>
  %qs = stablehlo.reduce(%q init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
  %var = stablehlo.divide %qs, %n1 : tensor<2xf32>
  %ve = stablehlo.add %var, %eps : tensor<2xf32>
  %sd = stablehlo.sqrt %ve : tensor<2xf32>
  %sdb = stablehlo.broadcast_in_dim %sd, dims = [0] : (tensor<2xf32>) -> tensor<2x8xf32>
  %z = stablehlo.divide %c, %sdb : tensor<2x8xf32>
  %wb = stablehlo.broadcast_in_dim %w, dims = [1] : (tensor<8xf32>) -> tensor<2x8xf32>
  %zw = stablehlo.multiply %z, %wb : tensor<2x8xf32>
  %y = stablehlo.add %zw, %wb : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
