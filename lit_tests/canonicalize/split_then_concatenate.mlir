// RUN: oxide-opt %s --canonicalize | filecheck %s

// Pieces put back in order are the whole.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2x6xf32>
// CHECK-NEXT: return %[[X]]
func.func @main(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  %0 = stablehlo.slice %x [0:2, 0:2] : (tensor<2x6xf32>) -> tensor<2x2xf32>
  %1 = stablehlo.slice %x [0:2, 2:6] : (tensor<2x6xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.concatenate %0, %1, dim = 1 : (tensor<2x2xf32>, tensor<2x4xf32>) -> tensor<2x6xf32>
  return %2 : tensor<2x6xf32>
}
