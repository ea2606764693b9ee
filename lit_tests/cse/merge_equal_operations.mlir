// RUN: oxide-opt %s --cse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[S:.+]] = stablehlo.sine
// CHECK-NOT: stablehlo.sine
// CHECK: stablehlo.add %[[S]], %[[S]]
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  %1 = stablehlo.sine %x : tensor<2xf32>
  %2 = stablehlo.add %0, %1 : tensor<2xf32>
  return %2 : tensor<2xf32>
}
