// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "oxide.fusion"
// CHECK-SAME: kind = "input"
// CHECK: func.func private @oxide.fusion.input_reduce
// CHECK: stablehlo.multiply
// CHECK-NEXT: stablehlo.reduce
func.func @main(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.multiply %x, %x : tensor<4x8xf32>
  %1 = stablehlo.reduce(%0 init: %c) applies stablehlo.add across dimensions = [1]
    : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
