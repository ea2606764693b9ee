// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[FLAT:.+]] = stablehlo.reshape %arg0 : (tensor<2x3x8xf32>) -> tensor<2x24xf32>
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.softmax" %[[FLAT]] {composite_attributes = {axis = 1 : i64}
// CHECK-NEXT: stablehlo.reshape %[[Y]] : (tensor<2x24xf32>) -> tensor<2x3x8xf32>
func.func @main(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %m = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [1, 2] : (tensor<2x3x8xf32>, tensor<f32>) -> tensor<2xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<2xf32>) -> tensor<2x3x8xf32>
  %d = stablehlo.subtract %x, %mb : tensor<2x3x8xf32>
  %e = stablehlo.exponential %d : tensor<2x3x8xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [1, 2] : (tensor<2x3x8xf32>, tensor<f32>) -> tensor<2xf32>
  %sb = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<2xf32>) -> tensor<2x3x8xf32>
  %y = stablehlo.divide %e, %sb : tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}
