// RUN: oxide-opt %s --raise --dce | filecheck %s

// The maximum is of [2, 1, 5], the differences are of [2, 5]: a softmax all the same.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[X:.+]] = stablehlo.reshape %arg0
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.softmax" %[[X]] {composite_attributes = {axis = 1 : i64}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x1x5xf32>) -> tensor<2x5xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [2] : (tensor<2x1x5xf32>, tensor<f32>) -> tensor<2x1xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0, 1] : (tensor<2x1xf32>) -> tensor<2x5xf32>
  %2 = stablehlo.reshape %x : (tensor<2x1x5xf32>) -> tensor<2x5xf32>
  %3 = stablehlo.subtract %2, %1 : tensor<2x5xf32>
  %4 = stablehlo.exponential %3 : tensor<2x5xf32>
  %5 = stablehlo.reduce(%4 init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x5xf32>, tensor<f32>) -> tensor<2xf32>
  %6 = stablehlo.broadcast_in_dim %5, dims = [0] : (tensor<2xf32>) -> tensor<2x5xf32>
  %7 = stablehlo.divide %4, %6 : tensor<2x5xf32>
  return %7 : tensor<2x5xf32>
}
