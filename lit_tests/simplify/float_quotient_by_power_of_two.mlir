// RUN: oxide-opt %s --simplify | filecheck %s

// A third has no exact reciprocal, and that of 2^127 is no normal number.
// CHECK-DAG: %[[C:.+]] = stablehlo.constant dense<1.250000e-01>
// CHECK: stablehlo.multiply %arg0, %[[C]]
// CHECK-COUNT-2: stablehlo.divide
func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c8 = stablehlo.constant dense<8.0> : tensor<4xf32>
  %c3 = stablehlo.constant dense<3.0> : tensor<4xf32>
  %large = stablehlo.constant dense<0x7F000000> : tensor<4xf32>
  %0 = stablehlo.divide %x, %c8 : tensor<4xf32>
  %1 = stablehlo.divide %x, %c3 : tensor<4xf32>
  %2 = stablehlo.divide %x, %large : tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
