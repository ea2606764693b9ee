// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: stablehlo.maximum %{{.+}}, %{{.+}} : tensor<2xf32>
func.func @main(%x: tensor<2xbf16>) -> tensor<2xbf16> {
  // No value of bfloat16.
  %c = stablehlo.constant dense<0.1> : tensor<2xf32>
  %0 = stablehlo.convert %x : (tensor<2xbf16>) -> tensor<2xf32>
  %1 = stablehlo.maximum %0, %c : tensor<2xf32>
  %2 = stablehlo.convert %1 : (tensor<2xf32>) -> tensor<2xbf16>
  return %2 : tensor<2xbf16>
}
