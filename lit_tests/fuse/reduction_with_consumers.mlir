// RUN: oxide-opt %s --fuse | filecheck %s

// The mean: what follows a reduction element by element is in its fusion.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[F:.+]] = stablehlo.composite "oxide.fusion"
// CHECK-SAME: kind = "input"
// CHECK-NEXT: return %[[F]]
// CHECK: func.func private @oxide.fusion.input_divide
// CHECK: stablehlo.reduce
// CHECK: stablehlo.reshape
// CHECK: stablehlo.divide
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x1xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %n = stablehlo.constant dense<8.0> : tensor<4x1xf32>
  %0 = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [1]
    : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = stablehlo.reshape %0 : (tensor<4xf32>) -> tensor<4x1xf32>
  %2 = stablehlo.divide %1, %n : tensor<4x1xf32>
  return %2 : tensor<4x1xf32>
}
