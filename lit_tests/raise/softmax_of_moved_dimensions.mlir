// RUN: oxide-opt %s --raise --dce | filecheck %s

// The maximum is taken before a transpose, as jax.vmap of a softmax along another axis has it.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[X:.+]] = stablehlo.transpose %arg0
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.softmax" %[[X]] {composite_attributes = {axis = 2 : i64}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x3x5xf32>) -> tensor<3x2x5xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [2] : (tensor<2x3x5xf32>, tensor<f32>) -> tensor<2x3xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<3x2xf32>) -> tensor<3x2x5xf32>
  %3 = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<2x3x5xf32>) -> tensor<3x2x5xf32>
  %4 = stablehlo.subtract %3, %2 : tensor<3x2x5xf32>
  %5 = stablehlo.exponential %4 : tensor<3x2x5xf32>
  %6 = stablehlo.reduce(%5 init: %zero) applies stablehlo.add across dimensions = [2] : (tensor<3x2x5xf32>, tensor<f32>) -> tensor<3x2xf32>
  %7 = stablehlo.broadcast_in_dim %6, dims = [0, 1] : (tensor<3x2xf32>) -> tensor<3x2x5xf32>
  %8 = stablehlo.divide %5, %7 : tensor<3x2x5xf32>
  return %8 : tensor<3x2x5xf32>
}
