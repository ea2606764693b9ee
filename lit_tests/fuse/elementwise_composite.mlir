// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: stablehlo.composite "oxide.fusion"
// CHECK-NEXT: return
// CHECK: func.func private @oxide.fusion.loop_abs
// CHECK-NEXT: stablehlo.negate
// CHECK-NEXT: stablehlo.composite "oxide.silu"
// CHECK-NEXT: stablehlo.abs
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.negate %x : tensor<4xf32>
  %1 = stablehlo.composite "oxide.silu" %0 {decomposition = @silu} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = stablehlo.abs %1 : tensor<4xf32>
  return %2 : tensor<4xf32>
}
func.func private @silu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.logistic %x : tensor<4xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
