// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// Heads that are split from features and merged with them again: dimensions that stand together stay so.
// CHECK: layout: 5 operations work on permuted tensors, 192 bytes are transposed before and 0 after
// CHECK-LABEL: @main
// CHECK: %[[H:.+]] = stablehlo.reshape %arg0 : (tensor<2x3x4xf32>) -> tensor<2x3x2x2xf32>
// CHECK: %[[S:.+]] = stablehlo.slice %[[H]] [0:2, 0:3, 0:2, 0:2]
// CHECK: %[[R:.+]] = stablehlo.reshape %[[S]] : (tensor<2x3x2x2xf32>) -> tensor<2x3x4xf32>
// CHECK: return %[[R]]
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = stablehlo.transpose %x, dims = [0, 2, 1] : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
  %1 = stablehlo.reshape %0 : (tensor<2x4x3xf32>) -> tensor<2x2x2x3xf32>
  %2 = stablehlo.slice %1 [0:2, 0:2, 0:2, 0:3] : (tensor<2x2x2x3xf32>) -> tensor<2x2x2x3xf32>
  %3 = stablehlo.reshape %2 : (tensor<2x2x2x3xf32>) -> tensor<2x4x3xf32>
  %4 = stablehlo.transpose %3, dims = [0, 2, 1] : (tensor<2x4x3xf32>) -> tensor<2x3x4xf32>
  return %4 : tensor<2x3x4xf32>
}
