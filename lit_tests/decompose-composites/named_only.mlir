// RUN: oxide-opt %s --decompose-composites=names=my.f | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.sine
// CHECK: stablehlo.composite "my.g"
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "my.f" %x {decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>
  %1 = stablehlo.composite "my.g" %0 {decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}
func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
