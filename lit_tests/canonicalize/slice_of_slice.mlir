// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<20xf32>
// CHECK-NEXT: %[[S:.+]] = stablehlo.slice %[[X]] [5:18:6]
// CHECK-NEXT: return %[[S]]
func.func @main(%x: tensor<20xf32>) -> tensor<3xf32> {
  %0 = stablehlo.slice %x [2:20:3] : (tensor<20xf32>) -> tensor<6xf32>
  %1 = stablehlo.slice %0 [1:6:2] : (tensor<6xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}
