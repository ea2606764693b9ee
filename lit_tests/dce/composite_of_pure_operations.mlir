// RUN: oxide-opt %s --dce --symbol-dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: return
// CHECK-NOT: func.func private @impl
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.composite "my.f" %x {decomposition = @impl} : (tensor<2xf32>) -> tensor<2xf32>
  return %x : tensor<2xf32>
}
func.func private @impl(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
