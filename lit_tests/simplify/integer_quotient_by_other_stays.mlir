// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// CHECK: integer-quotient: stablehlo.divide stays, 7 is no power of two
// CHECK: stablehlo.divide
func.func @main(%x: tensor<4xi32>) -> tensor<4xi32> {
  %c = stablehlo.constant dense<7> : tensor<4xi32>
  %0 = stablehlo.divide %x, %c : tensor<4xi32>
  return %0 : tensor<4xi32>
}
