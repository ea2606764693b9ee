// RUN: oxide-opt %s --cse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[R:.+]] = stablehlo.reduce
// CHECK-NOT: stablehlo.reduce
// CHECK: return %[[R]], %[[R]]
func.func @main(%x: tensor<4xf32>, %c: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = stablehlo.reduce(%x init: %c) applies stablehlo.maximum across dimensions = [0]
    : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  %1 = stablehlo.reduce(%x init: %c) applies stablehlo.maximum across dimensions = [0]
    : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0, %1 : tensor<f32>, tensor<f32>
}
