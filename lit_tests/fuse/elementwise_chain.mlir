// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<4xf32>
// CHECK-NEXT: %[[F:.+]] = stablehlo.composite "oxide.fusion" %[[X]]
// CHECK-SAME: kind = "loop"
// CHECK-NEXT: return %[[F]]
// CHECK: func.func private @oxide.fusion.loop_negate
// CHECK-NEXT: stablehlo.exponential
// CHECK-NEXT: stablehlo.negate
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.exponential %x : tensor<4xf32>
  %1 = stablehlo.negate %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
