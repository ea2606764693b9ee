// RUN: oxide-opt %s --raise --dce | filecheck %s

// The body of a composite does not become a use of itself.
// CHECK-LABEL: func.func private @oxide.silu.impl
// CHECK-NEXT: stablehlo.logistic
// CHECK-NEXT: stablehlo.multiply
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = stablehlo.composite "oxide.silu" %x {decomposition = @oxide.silu.impl} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}
func.func private @oxide.silu.impl(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %s = stablehlo.logistic %x : tensor<2x8xf32>
  %y = stablehlo.multiply %x, %s : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
