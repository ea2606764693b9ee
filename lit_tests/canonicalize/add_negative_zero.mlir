// RUN: oxide-opt %s --canonicalize | filecheck %s

// x + (-0.0) is x for every x; x + 0.0 is not when x is -0.0.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<2xf32>
// CHECK: %[[Y:.+]] = stablehlo.add %[[X]]
// CHECK-NOT: stablehlo.add
// CHECK: return %[[X]], %[[Y]]
func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %minus = stablehlo.constant dense<-0.0> : tensor<2xf32>
  %plus = stablehlo.constant dense<0.0> : tensor<2xf32>
  %0 = stablehlo.add %x, %minus : tensor<2xf32>
  %1 = stablehlo.add %x, %plus : tensor<2xf32>
  return %0, %1 : tensor<2xf32>, tensor<2xf32>
}
