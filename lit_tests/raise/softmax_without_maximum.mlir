// RUN: oxide-opt %s --raise --remarks 2>&1 | filecheck %s

// CHECK: raise-softmax: stablehlo.divide stays, oxide.softmax subtracts the maximum
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %e = stablehlo.exponential %x : tensor<2x8xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
  %sb = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<2xf32>) -> tensor<2x8xf32>
  %y = stablehlo.divide %e, %sb : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
