// RUN: oxide-opt %s --inline --symbol-dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "my.f"
// CHECK: func.func private @f
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "my.f" %x {decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
