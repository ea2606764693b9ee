// RUN: oxide-opt %s --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: return
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  %1 = stablehlo.add %0, %0 : tensor<2xf32>
  return %x : tensor<2xf32>
}
