// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK-DAG: %[[ZERO:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<3x2xbf16>
// CHECK-DAG: %[[T:.+]] = stablehlo.transpose %arg0, dims = [1, 0] : (tensor<2x3xbf16>)
// CHECK: %[[R:.+]] = stablehlo.maximum %[[T]], %[[ZERO]] : tensor<3x2xbf16>
// CHECK: return %[[R]]
func.func @main(%x: tensor<2x3xbf16>) -> tensor<3x2xbf16> {
  %zero = stablehlo.constant dense<0.0> : tensor<3x2xf32>
  %0 = stablehlo.convert %x : (tensor<2x3xbf16>) -> tensor<2x3xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = stablehlo.maximum %1, %zero : tensor<3x2xf32>
  %3 = stablehlo.convert %2 : (tensor<3x2xf32>) -> tensor<3x2xbf16>
  return %3 : tensor<3x2xbf16>
}
