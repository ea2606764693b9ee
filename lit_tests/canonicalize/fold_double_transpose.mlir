// RUN: oxide-opt %s --canonicalize | filecheck %s

// transpose(transpose(x, p), q) is one transpose by the composed permutation.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2x3x4xf32>
// CHECK-NEXT: %[[T:.+]] = stablehlo.transpose %[[X]], dims = [2, 1, 0]
// CHECK-NEXT: return %[[T]]
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<4x3x2xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0, 2] : (tensor<3x4x2xf32>) -> tensor<4x3x2xf32>
  return %1 : tensor<4x3x2xf32>
}
