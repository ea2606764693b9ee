// RUN: oxide-opt %s --inline --symbol-dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2xf32>
// CHECK-NEXT: %[[S:.+]] = stablehlo.sine %[[X]]
// CHECK-NEXT: return %[[S]]
// CHECK-NOT: @f
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = func.call @f(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
