// RUN: oxide-opt %s --cse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.add
// CHECK-NOT: stablehlo.add
// CHECK: stablehlo.subtract
// CHECK: stablehlo.subtract
func.func @main(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %0 = stablehlo.add %x, %y : tensor<2xf32>
  %1 = stablehlo.add %y, %x : tensor<2xf32>
  %2 = stablehlo.subtract %x, %y : tensor<2xf32>
  %3 = stablehlo.subtract %y, %x : tensor<2xf32>
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}
