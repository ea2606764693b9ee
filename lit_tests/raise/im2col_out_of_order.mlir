// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// The last window starts where none of equal steps does.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.dot_general
// CHECK-NOT: stablehlo.convolution
func.func @main(%x: tensor<8xf32>, %w: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %a = stablehlo.slice %x [0:3] : (tensor<8xf32>) -> tensor<3xf32>
  %b = stablehlo.slice %x [1:4] : (tensor<8xf32>) -> tensor<3xf32>
  %c = stablehlo.slice %x [3:6] : (tensor<8xf32>) -> tensor<3xf32>
  %a1 = stablehlo.reshape %a : (tensor<3xf32>) -> tensor<1x3xf32>
  %b1 = stablehlo.reshape %b : (tensor<3xf32>) -> tensor<1x3xf32>
  %c1 = stablehlo.reshape %c : (tensor<3xf32>) -> tensor<1x3xf32>
  %p = stablehlo.concatenate %a1, %b1, %c1, dim = 0 : (tensor<1x3xf32>, tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
  %y = stablehlo.dot_general %p, %w, contracting_dims = [1] x [0] : (tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
