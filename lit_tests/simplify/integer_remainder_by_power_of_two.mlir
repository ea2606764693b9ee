// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[MASK:.+]] = stablehlo.constant dense<7> : tensor<4xui32>
// CHECK: %[[REST:.+]] = stablehlo.and %arg0, %[[MASK]]
// CHECK: return %[[REST]]
func.func @main(%x: tensor<4xui32>) -> tensor<4xui32> {
  %c = stablehlo.constant dense<8> : tensor<4xui32>
  %0 = stablehlo.remainder %x, %c : tensor<4xui32>
  return %0 : tensor<4xui32>
}
