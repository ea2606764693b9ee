// RUN: oxide-opt %s --simplify | filecheck %s

// One division, wherever it stands.
// CHECK: %[[Q:.+]] = stablehlo.divide %arg0, %arg1
// CHECK-NEXT: %[[P:.+]] = stablehlo.multiply %[[Q]], %arg1
// CHECK-NEXT: %[[R:.+]] = stablehlo.subtract %arg0, %[[P]]
// CHECK-NEXT: return %[[R]], %[[Q]]
func.func @main(%x: tensor<4xi32>, %y: tensor<4xi32>) -> (tensor<4xi32>, tensor<4xi32>) {
  %0 = stablehlo.remainder %x, %y : tensor<4xi32>
  %1 = stablehlo.divide %x, %y : tensor<4xi32>
  return %0, %1 : tensor<4xi32>, tensor<4xi32>
}
