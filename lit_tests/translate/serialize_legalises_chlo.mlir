// RUN: oxide-translate --serialize %s | oxide-translate --deserialize | filecheck %s

// CHECK-LABEL: @main
// CHECK-NOT: chlo
// CHECK: stablehlo.sort
func.func @main(%x: tensor<4xf32>) -> tensor<2xf32> {
  %0, %1 = chlo.top_k(%x, k = 2) : tensor<4xf32> -> (tensor<2xf32>, tensor<2xi32>)
  return %0 : tensor<2xf32>
}
