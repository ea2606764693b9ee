// RUN: oxide-opt %s --raise --dce | filecheck %s

// 2 tanh((q k / 4) / 2) is a cap of 2 on scores whose scale is 1 / 4; queries share keys in groups of two.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "oxide.attention" %{{.+}}, %arg1, %arg2 {composite_attributes = {causal = false, scale = 2.500000e-01 : f64, soft_cap = 2.000000e+00 : f64}
// CHECK-SAME: (tensor<1x4x5x8xf32>, tensor<1x2x6x8xf32>, tensor<1x2x6x8xf32>)
func.func @main(%q: tensor<1x2x2x5x8xf32>, %k: tensor<1x2x6x8xf32>, %v: tensor<1x2x6x8xf32>) -> tensor<1x2x2x5x8xf32> {
  %eighth = stablehlo.constant dense<0.125> : tensor<1x2x2x5x6xf32>
  %two = stablehlo.constant dense<2.0> : tensor<1x2x2x5x6xf32>
  %0 = stablehlo.dot_general %q, %k, batching_dims = [0, 1] x [0, 1], contracting_dims = [4] x [3] : (tensor<1x2x2x5x8xf32>, tensor<1x2x6x8xf32>) -> tensor<1x2x2x5x6xf32>
  %1 = stablehlo.multiply %0, %eighth : tensor<1x2x2x5x6xf32>
  %2 = stablehlo.tanh %1 : tensor<1x2x2x5x6xf32>
  %3 = stablehlo.multiply %2, %two : tensor<1x2x2x5x6xf32>
  %4 = stablehlo.composite "oxide.softmax" %3 {composite_attributes = {axis = 4 : i64}, decomposition = @softmax} : (tensor<1x2x2x5x6xf32>) -> tensor<1x2x2x5x6xf32>
  %5 = stablehlo.dot_general %4, %v, batching_dims = [0, 1] x [0, 1], contracting_dims = [4] x [2] : (tensor<1x2x2x5x6xf32>, tensor<1x2x6x8xf32>) -> tensor<1x2x2x5x8xf32>
  return %5 : tensor<1x2x2x5x8xf32>
}
func.func private @softmax(%x: tensor<1x2x2x5x6xf32>) -> tensor<1x2x2x5x6xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [4] : (tensor<1x2x2x5x6xf32>, tensor<f32>) -> tensor<1x2x2x5xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0, 1, 2, 3] : (tensor<1x2x2x5xf32>) -> tensor<1x2x2x5x6xf32>
  %2 = stablehlo.subtract %x, %1 : tensor<1x2x2x5x6xf32>
  %3 = stablehlo.exponential %2 : tensor<1x2x2x5x6xf32>
  %4 = stablehlo.reduce(%3 init: %zero) applies stablehlo.add across dimensions = [4] : (tensor<1x2x2x5x6xf32>, tensor<f32>) -> tensor<1x2x2x5xf32>
  %5 = stablehlo.broadcast_in_dim %4, dims = [0, 1, 2, 3] : (tensor<1x2x2x5xf32>) -> tensor<1x2x2x5x6xf32>
  %6 = stablehlo.divide %3, %5 : tensor<1x2x2x5x6xf32>
  return %6 : tensor<1x2x2x5x6xf32>
}
