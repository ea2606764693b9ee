// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[C:.+]] = stablehlo.constant dense<[5, 7, 9]> : tensor<3xi32>
// CHECK-NEXT: return %[[C]]
func.func @main() -> tensor<3xi32> {
  %0 = stablehlo.constant dense<[1, 2, 3]> : tensor<3xi32>
  %1 = stablehlo.constant dense<[4, 5, 6]> : tensor<3xi32>
  %2 = stablehlo.add %0, %1 : tensor<3xi32>
  return %2 : tensor<3xi32>
}
