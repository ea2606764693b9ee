// RUN: oxide-opt %s --simplify --split-input-file | filecheck %s

// Signed quotients round toward zero: 7 is added to what is negative.
// CHECK-LABEL: @signed
// CHECK: %[[SIGN:.+]] = stablehlo.shift_right_arithmetic %arg0, %{{.+}}
// CHECK: %[[EXCESS:.+]] = stablehlo.shift_right_logical %[[SIGN]], %{{.+}}
// CHECK: %[[SUM:.+]] = stablehlo.add %arg0, %[[EXCESS]]
// CHECK: %[[QUOTIENT:.+]] = stablehlo.shift_right_arithmetic %[[SUM]], %{{.+}}
// CHECK: return %[[QUOTIENT]]
func.func @signed(%x: tensor<4xi32>) -> tensor<4xi32> {
  %c = stablehlo.constant dense<8> : tensor<4xi32>
  %0 = stablehlo.divide %x, %c : tensor<4xi32>
  return %0 : tensor<4xi32>
}

// CHECK-LABEL: @unsigned
// CHECK: %[[C:.+]] = stablehlo.constant dense<3> : tensor<4xui32>
// CHECK: stablehlo.shift_right_logical %arg0, %[[C]]
// CHECK-NEXT: return
func.func @unsigned(%x: tensor<4xui32>) -> tensor<4xui32> {
  %c = stablehlo.constant dense<8> : tensor<4xui32>
  %0 = stablehlo.divide %x, %c : tensor<4xui32>
  return %0 : tensor<4xui32>
}
