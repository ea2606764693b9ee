// Constants are evaluated; identities stay for canonicalize.
// RUN: oxide-opt %s --fold | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2xi32>
// CHECK: %[[C:.+]] = stablehlo.constant dense<[3, 5]> : tensor<2xi32>
// CHECK: %[[N:.+]] = stablehlo.negate %[[X]]
// CHECK: %[[M:.+]] = stablehlo.negate %[[N]]
// CHECK: return %[[C]], %[[M]]
func.func @main(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>) {
  %c = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
  %d = stablehlo.constant dense<[2, 3]> : tensor<2xi32>
  %0 = stablehlo.add %c, %d : tensor<2xi32>
  %1 = stablehlo.negate %x : tensor<2xi32>
  %2 = stablehlo.negate %1 : tensor<2xi32>
  return %0, %2 : tensor<2xi32>, tensor<2xi32>
}
