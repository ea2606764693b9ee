// RUN: oxide-translate --interpret %s --args='[dense<[1, 2]> : tensor<2xi32>, dense<(1.0, -2.0)> : tensor<complex<f32>>]' | filecheck %s
// RUN: not oxide-translate --interpret %s 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not oxide-translate --interpret %s --args='[dense<1.0> : tensor<2xf32>, dense<(1.0, -2.0)> : tensor<complex<f32>>]' 2>&1 | filecheck %s --check-prefix=TYPE
// RUN: not oxide-translate --interpret %s --args='[nonsense]' 2>&1 | filecheck %s --check-prefix=WORD

// CHECK: dense<[3, 6]> : tensor<2xi32>
// CHECK-NEXT: dense<(2.000000e+00,-4.000000e+00)> : tensor<complex<f32>>
// NONE: error: 0 values for the 2 arguments of @main
// TYPE: error: argument n: 2xi32 of @main got a value of shape 2 and dtype float32
// WORD: error: --args: not a list of dense attributes
func.func @main(%n: tensor<2xi32> {oxide.name = "n"}, %z: tensor<complex<f32>>) -> (tensor<2xi32>, tensor<complex<f32>>) {
  %0 = stablehlo.composite "my.triple" %n {decomposition = @triple} : (tensor<2xi32>) -> tensor<2xi32>
  %1 = stablehlo.add %z, %z : tensor<complex<f32>>
  return %0, %1 : tensor<2xi32>, tensor<complex<f32>>
}
func.func private @triple(%n: tensor<2xi32>) -> tensor<2xi32> {
  %0 = stablehlo.add %n, %n : tensor<2xi32>
  %1 = stablehlo.add %0, %n : tensor<2xi32>
  return %1 : tensor<2xi32>
}
