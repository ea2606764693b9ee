// RUN: oxide-opt %s --fuse | filecheck %s

// The sum and the sum of squares read the input once.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:[^:]+]]: tensor<4x8xf32>
// CHECK-NEXT: %[[F:.+]]:2 = stablehlo.composite "oxide.fusion" %[[X]]
// CHECK-SAME: kind = "input"
// CHECK-NEXT: return %[[F]]#0, %[[F]]#1
// CHECK: func.func private
// CHECK: stablehlo.reduce
// CHECK: stablehlo.multiply
// CHECK: stablehlo.reduce
func.func @main(%x: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [1]
    : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = stablehlo.multiply %x, %x : tensor<4x8xf32>
  %2 = stablehlo.reduce(%1 init: %c) applies stablehlo.add across dimensions = [1]
    : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  return %0, %2 : tensor<4xf32>, tensor<4xf32>
}
