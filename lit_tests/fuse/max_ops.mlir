// RUN: oxide-opt %s --fuse=max-ops=2 | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: stablehlo.composite "oxide.fusion"
// CHECK: return
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.exponential %x : tensor<4xf32>
  %1 = stablehlo.negate %0 : tensor<4xf32>
  %2 = stablehlo.floor %1 : tensor<4xf32>
  %3 = stablehlo.abs %2 : tensor<4xf32>
  return %3 : tensor<4xf32>
}
