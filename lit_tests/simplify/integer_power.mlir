// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[X2:.+]] = stablehlo.multiply %arg0, %arg0
// CHECK: %[[X4:.+]] = stablehlo.multiply %[[X2]], %[[X2]]
// CHECK: %[[X5:.+]] = stablehlo.multiply %arg0, %[[X4]]
// CHECK: return %[[X5]]
func.func @main(%x: tensor<4xi32>) -> tensor<4xi32> {
  %c = stablehlo.constant dense<5> : tensor<4xi32>
  %0 = stablehlo.power %x, %c : tensor<4xi32>
  return %0 : tensor<4xi32>
}
