// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK-NOT: stablehlo.transpose
// CHECK: stablehlo.reduce(%{{.+}} init: %{{.+}}) applies stablehlo.add across dimensions = [1, 2]
func.func @main(%x: tensor<2x4x4x3xf32>) -> tensor<2x3xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.transpose %x, dims = [0, 3, 1, 2] : (tensor<2x4x4x3xf32>) -> tensor<2x3x4x4xf32>
  %1 = stablehlo.tanh %0 : tensor<2x3x4x4xf32>
  %2 = stablehlo.reduce(%1 init: %zero) applies stablehlo.add across dimensions = [2, 3]
    : (tensor<2x3x4x4xf32>, tensor<f32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
