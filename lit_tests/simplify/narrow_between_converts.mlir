// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK-DAG: %[[ZERO:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<6xbf16>
// CHECK-DAG: %[[FLAT:.+]] = stablehlo.reshape %arg0 : (tensor<2x3xbf16>)
// CHECK: %[[R:.+]] = stablehlo.maximum %[[FLAT]], %[[ZERO]] : tensor<6xbf16>
// CHECK: return %[[R]]
func.func @main(%x: tensor<2x3xbf16>) -> tensor<6xbf16> {
  %zero = stablehlo.constant dense<0.0> : tensor<6xf32>
  %0 = stablehlo.convert %x : (tensor<2x3xbf16>) -> tensor<2x3xf32>
  %1 = stablehlo.reshape %0 : (tensor<2x3xf32>) -> tensor<6xf32>
  %2 = stablehlo.maximum %1, %zero : tensor<6xf32>
  %3 = stablehlo.convert %2 : (tensor<6xf32>) -> tensor<6xbf16>
  return %3 : tensor<6xbf16>
}
