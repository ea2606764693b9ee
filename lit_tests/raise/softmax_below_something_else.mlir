// RUN: oxide-opt %s --raise --dce | filecheck %s

// The least of the maximum and something else is no x.

// CHECK-NOT: oxide.softmax

func.func @main(%x: tensor<2x8xf32>, %z: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %m = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [1] : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0] : (tensor<2xf32>) -> tensor<2x8xf32>
  %least = stablehlo.minimum %mb, %z : tensor<2x8xf32>
  %d = stablehlo.subtract %least, %mb : tensor<2x8xf32>
  %e = stablehlo.exponential %d : tensor<2x8xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x8xf32>, tensor<f32>) -> tensor<2xf32>
  %sb = stablehlo.broadcast_in_dim %s, dims = [0] : (tensor<2xf32>) -> tensor<2x8xf32>
  %y = stablehlo.divide %e, %sb : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
