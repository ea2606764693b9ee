// RUN: oxide-opt %s --raise --dce | filecheck %s

// [b, -a] turns the other way: rotary of the negated sines, which the program does not have.
// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<2x3x8xf32>, %cos: tensor<3x6xf32>, %sin: tensor<3x6xf32>) -> tensor<2x3x6xf32> {
  %c = stablehlo.broadcast_in_dim %cos, dims = [1, 2] : (tensor<3x6xf32>) -> tensor<2x3x6xf32>
  %s = stablehlo.broadcast_in_dim %sin, dims = [1, 2] : (tensor<3x6xf32>) -> tensor<2x3x6xf32>
  %whole = stablehlo.slice %x [0:2, 0:3, 0:6] : (tensor<2x3x8xf32>) -> tensor<2x3x6xf32>
  %a = stablehlo.slice %x [0:2, 0:3, 0:3] : (tensor<2x3x8xf32>) -> tensor<2x3x3xf32>
  %b = stablehlo.slice %x [0:2, 0:3, 3:6] : (tensor<2x3x8xf32>) -> tensor<2x3x3xf32>
  %n = stablehlo.negate %a : tensor<2x3x3xf32>
  %t = stablehlo.concatenate %b, %n, dim = 2 : (tensor<2x3x3xf32>, tensor<2x3x3xf32>) -> tensor<2x3x6xf32>
  %xc = stablehlo.multiply %whole, %c : tensor<2x3x6xf32>
  %ts = stablehlo.multiply %t, %s : tensor<2x3x6xf32>
  %y = stablehlo.add %xc, %ts : tensor<2x3x6xf32>
  return %y : tensor<2x3x6xf32>
}
