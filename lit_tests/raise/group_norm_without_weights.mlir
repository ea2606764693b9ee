// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[ONE:.+]] = stablehlo.constant dense<1.000000e+00> : tensor<4xf32>
// CHECK-DAG: %[[ZERO:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<4xf32>
// CHECK: stablehlo.composite "oxide.group_norm" %arg0, %[[ONE]], %[[ZERO]]
// CHECK-SAME: groups = 2 : i64
func.func @main(%x: tensor<3x4x5xf32>) -> tensor<3x4x5xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %count = stablehlo.constant dense<1.0e+1> : tensor<3x2xf32>
  %epsilon = stablehlo.constant dense<1.0e-5> : tensor<3x2xf32>
  %g = stablehlo.reshape %x : (tensor<3x4x5xf32>) -> tensor<3x2x10xf32>
  %t = stablehlo.reduce(%g init: %zero) applies stablehlo.add across dimensions = [2] : (tensor<3x2x10xf32>, tensor<f32>) -> tensor<3x2xf32>
  %m = stablehlo.divide %t, %count : tensor<3x2xf32>
  %mb = stablehlo.broadcast_in_dim %m, dims = [0, 1] : (tensor<3x2xf32>) -> tensor<3x2x10xf32>
  %c = stablehlo.subtract %g, %mb : tensor<3x2x10xf32>
  %p = stablehlo.multiply %c, %c : tensor<3x2x10xf32>
  %s = stablehlo.reduce(%p init: %zero) applies stablehlo.add across dimensions = [2] : (tensor<3x2x10xf32>, tensor<f32>) -> tensor<3x2xf32>
  %v = stablehlo.divide %s, %count : tensor<3x2xf32>
  %e = stablehlo.add %v, %epsilon : tensor<3x2xf32>
  %r = stablehlo.rsqrt %e : tensor<3x2xf32>
  %rb = stablehlo.broadcast_in_dim %r, dims = [0, 1] : (tensor<3x2xf32>) -> tensor<3x2x10xf32>
  %n = stablehlo.multiply %c, %rb : tensor<3x2x10xf32>
  %y = stablehlo.reshape %n : (tensor<3x2x10xf32>) -> tensor<3x4x5xf32>
  return %y : tensor<3x4x5xf32>
}
