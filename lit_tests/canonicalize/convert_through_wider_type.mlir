// RUN: oxide-opt %s --canonicalize | filecheck %s

// bf16 -> f32 -> bf16 loses nothing; i32 -> f32 -> i32 does.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2xbf16>, %[[I:.+]]: tensor<2xi32>
// CHECK-NEXT: %[[F:.+]] = stablehlo.convert %[[I]]
// CHECK-NEXT: %[[R:.+]] = stablehlo.convert %[[F]]
// CHECK-NEXT: return %[[X]], %[[R]]
func.func @main(%x: tensor<2xbf16>, %i: tensor<2xi32>) -> (tensor<2xbf16>, tensor<2xi32>) {
  %0 = stablehlo.convert %x : (tensor<2xbf16>) -> tensor<2xf32>
  %1 = stablehlo.convert %0 : (tensor<2xf32>) -> tensor<2xbf16>
  %2 = stablehlo.convert %i : (tensor<2xi32>) -> tensor<2xf32>
  %3 = stablehlo.convert %2 : (tensor<2xf32>) -> tensor<2xi32>
  return %1, %3 : tensor<2xbf16>, tensor<2xi32>
}
