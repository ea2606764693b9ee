// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.gelu" %arg0 {composite_attributes = {approximate = "none"}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %h = stablehlo.constant dense<0.5> : tensor<2x8xf32>
  %k = stablehlo.constant dense<0.707106769> : tensor<2x8xf32>
  %one = stablehlo.constant dense<1.0> : tensor<2x8xf32>
  %u = stablehlo.multiply %x, %k : tensor<2x8xf32>
  %e = chlo.erf %u : tensor<2x8xf32> -> tensor<2x8xf32>
  %p = stablehlo.add %e, %one : tensor<2x8xf32>
  %xp = stablehlo.multiply %x, %p : tensor<2x8xf32>
  %y = stablehlo.multiply %xp, %h : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
