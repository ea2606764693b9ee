// RUN: oxide-opt %s --decompose-composites --symbol-dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: stablehlo.sine
// CHECK-NEXT: return
// CHECK-NOT: private
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "my.f" %x {decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "my.g" %x {decomposition = @g} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @g(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
