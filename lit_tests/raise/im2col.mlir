// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// Three columns that lie two apart, of a row padded by one zero.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.convolution(%{{.+}}, %{{.+}}) dim_numbers = [b, 0, f]x[o, 0, i]->[b, 0, f]
// CHECK-SAME: window = {stride = [1], pad = [{{\[}}1, 0]]
// CHECK-SAME: rhs_dilate = [2]
// CHECK-NOT: stablehlo.dot_general
func.func @main(%x: tensor<8xf32>, %w: tensor<3x2xf32>) -> tensor<5x2xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<1xf32>
  %padded = stablehlo.concatenate %zero, %x, dim = 0 : (tensor<1xf32>, tensor<8xf32>) -> tensor<9xf32>
  %a = stablehlo.slice %padded [0:5] : (tensor<9xf32>) -> tensor<5xf32>
  %b = stablehlo.slice %padded [2:7] : (tensor<9xf32>) -> tensor<5xf32>
  %c = stablehlo.slice %padded [4:9] : (tensor<9xf32>) -> tensor<5xf32>
  %a1 = stablehlo.reshape %a : (tensor<5xf32>) -> tensor<5x1xf32>
  %b1 = stablehlo.reshape %b : (tensor<5xf32>) -> tensor<5x1xf32>
  %c1 = stablehlo.reshape %c : (tensor<5xf32>) -> tensor<5x1xf32>
  %p = stablehlo.concatenate %a1, %b1, %c1, dim = 1 : (tensor<5x1xf32>, tensor<5x1xf32>, tensor<5x1xf32>) -> tensor<5x3xf32>
  %y = stablehlo.dot_general %p, %w, contracting_dims = [1] x [0] : (tensor<5x3xf32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}
