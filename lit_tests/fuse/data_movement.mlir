// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: stablehlo.composite "oxide.fusion"
// CHECK-NEXT: return
// CHECK: func.func private @oxide.fusion.loop_concatenate
// CHECK: stablehlo.negate
// CHECK: stablehlo.pad
// CHECK: stablehlo.concatenate
func.func @main(%x: tensor<4xf32>, %y: tensor<2xf32>) -> tensor<7xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.negate %x : tensor<4xf32>
  %1 = stablehlo.pad %0, %c, low = [1], high = [0], interior = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<5xf32>
  %2 = stablehlo.concatenate %1, %y, dim = 0 : (tensor<5xf32>, tensor<2xf32>) -> tensor<7xf32>
  return %2 : tensor<7xf32>
}
