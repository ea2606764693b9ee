// StableHLO 0.9 has no composites: they become calls.
// RUN: oxide-translate --serialize --target=minimum %s | oxide-translate --deserialize | filecheck %s

// CHECK-LABEL: @main
// CHECK-NEXT: call @decomposition
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "my.op" %x {decomposition = @decomposition} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @decomposition(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.tanh %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
