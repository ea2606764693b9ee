// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.constant
// CHECK: stablehlo.composite "oxide.fusion"
// CHECK: func.func private
// CHECK-NEXT: stablehlo.constant dense<2.0
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.constant dense<2.0> : tensor<4xf32>
  %0 = stablehlo.multiply %x, %c : tensor<4xf32>
  %1 = stablehlo.negate %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
