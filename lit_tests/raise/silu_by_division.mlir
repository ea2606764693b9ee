// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.silu" %arg0
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %one = stablehlo.constant dense<1.0> : tensor<2x8xf32>
  %n = stablehlo.negate %x : tensor<2x8xf32>
  %e = stablehlo.exponential %n : tensor<2x8xf32>
  %d = stablehlo.add %e, %one : tensor<2x8xf32>
  %y = stablehlo.divide %x, %d : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
