// RUN: oxide-opt %s --simplify=device=tpu --remarks 2>&1 | filecheck %s

// A device without division multiplies by 2^34 / 7 and takes the upper bits; one is added below zero.
// CHECK: integer-quotient: stablehlo.divide stays, 7 is no power of two, and no type has the bits of a product
// CHECK-LABEL: @main
// CHECK-NOT: stablehlo.divide %arg0
// CHECK: %[[M:.+]] = stablehlo.constant dense<2454267027> : tensor<4xi64>
// CHECK: %[[P:.+]] = stablehlo.multiply %{{.+}}, %[[M]] : tensor<4xi64>
// CHECK: stablehlo.shift_right_arithmetic %[[P]]
// CHECK: stablehlo.divide %arg1
func.func @main(%x: tensor<4xi32>, %y: tensor<4xi64>) -> (tensor<4xi32>, tensor<4xi64>) {
  %c = stablehlo.constant dense<7> : tensor<4xi32>
  %d = stablehlo.constant dense<7> : tensor<4xi64>
  %0 = stablehlo.divide %x, %c : tensor<4xi32>
  %1 = stablehlo.divide %y, %d : tensor<4xi64>
  return %0, %1 : tensor<4xi32>, tensor<4xi64>
}
