// RUN: oxide-opt %s --raise --remarks 2>&1 | filecheck %s

// CHECK: the coefficients under its erf are 0.707099974, gelu has 0.707106781
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %h = stablehlo.constant dense<0.5> : tensor<2x8xf32>
  %k = stablehlo.constant dense<0.7071> : tensor<2x8xf32>
  %one = stablehlo.constant dense<1.0> : tensor<2x8xf32>
  %u = stablehlo.multiply %x, %k : tensor<2x8xf32>
  %e = chlo.erf %u : tensor<2x8xf32> -> tensor<2x8xf32>
  %p = stablehlo.add %e, %one : tensor<2x8xf32>
  %xp = stablehlo.multiply %x, %p : tensor<2x8xf32>
  %y = stablehlo.multiply %xp, %h : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
