// RUN: oxide-opt %s --raise | filecheck %s

// A number has no positions to compare, and neither has what is empty.
// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.convolution
// CHECK: return
func.func @main(%s: tensor<f32>, %w: tensor<6x2xf32>, %e: tensor<0x3xf32>) -> (tensor<4x2xf32>, tensor<0x2xf32>) {
  %b = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> tensor<4x3xf32>
  %c = stablehlo.concatenate %b, %b, dim = 1 : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x6xf32>
  %0 = stablehlo.dot_general %c, %w, contracting_dims = [1] x [0] : (tensor<4x6xf32>, tensor<6x2xf32>) -> tensor<4x2xf32>
  %d = stablehlo.concatenate %e, %e, dim = 1 : (tensor<0x3xf32>, tensor<0x3xf32>) -> tensor<0x6xf32>
  %1 = stablehlo.dot_general %d, %w, contracting_dims = [1] x [0] : (tensor<0x6xf32>, tensor<6x2xf32>) -> tensor<0x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<0x2xf32>
}
