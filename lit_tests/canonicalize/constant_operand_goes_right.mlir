// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2xf32>
// CHECK: %[[C:.+]] = stablehlo.constant
// CHECK: stablehlo.multiply %[[X]], %[[C]]
// CHECK: stablehlo.compare  GT, %[[X]], %[[C]]
func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xi1>) {
  %c = stablehlo.constant dense<2.0> : tensor<2xf32>
  %0 = stablehlo.multiply %c, %x : tensor<2xf32>
  %1 = stablehlo.compare LT, %c, %x : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>
  return %0, %1 : tensor<2xf32>, tensor<2xi1>
}
