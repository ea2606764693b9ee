// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<3xf32>
// CHECK-NEXT: %[[B:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [1]
// CHECK-NEXT: return %[[B]]
func.func @main(%x: tensor<3xf32>) -> tensor<2x3x4xf32> {
  %0 = stablehlo.reshape %x : (tensor<3xf32>) -> tensor<1x3x1xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0, 1, 2] : (tensor<1x3x1xf32>) -> tensor<2x3x4xf32>
  return %1 : tensor<2x3x4xf32>
}
