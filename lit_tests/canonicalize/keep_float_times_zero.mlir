// RUN: oxide-opt %s --canonicalize | filecheck %s

// Zero times infinity is NaN: only integers absorb.
// CHECK-LABEL: func.func @main
// CHECK: %[[I:.+]] = stablehlo.constant dense<0> : tensor<2xi32>
// CHECK: %[[F:.+]] = stablehlo.multiply
// CHECK: return %[[F]], %[[I]]
func.func @main(%x: tensor<2xf32>, %i: tensor<2xi32>) -> (tensor<2xf32>, tensor<2xi32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<2xf32>
  %none = stablehlo.constant dense<0> : tensor<2xi32>
  %0 = stablehlo.multiply %x, %zero : tensor<2xf32>
  %1 = stablehlo.multiply %i, %none : tensor<2xi32>
  return %0, %1 : tensor<2xf32>, tensor<2xi32>
}
