// RUN: oxide-opt %s --fuse --symbol-dce | filecheck %s --check-prefix=KEPT
// RUN: oxide-opt %s --fuse=expand --symbol-dce | filecheck %s

// KEPT-LABEL: func.func @main
// KEPT: stablehlo.negate
// KEPT: stablehlo.composite "lab.total"
// CHECK-LABEL: func.func @main
// CHECK-NEXT: stablehlo.composite "oxide.fusion"
// CHECK-SAME: kind = "input"
// CHECK-NEXT: return
// CHECK-NOT: lab.total
func.func @main(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = stablehlo.negate %x : tensor<4x8xf32>
  %1 = stablehlo.composite "lab.total" %0 {decomposition = @total} : (tensor<4x8xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}
func.func private @total(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [1]
    : (tensor<4x8xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
