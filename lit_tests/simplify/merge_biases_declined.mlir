// RUN: oxide-opt %s --simplify | filecheck %s

// One piece has no bias: an addition of zeros would be no saving.
// CHECK: stablehlo.dot_general
// CHECK: stablehlo.slice
// CHECK: stablehlo.slice
// CHECK: stablehlo.add
func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x6xf32> {oxide.param = "w"},
                %b: tensor<4xf32> {oxide.param = "b"}) -> (tensor<2x4xf32>, tensor<2x2xf32>) {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x6xf32>) -> tensor<2x6xf32>
  %1 = stablehlo.slice %0 [0:2, 0:4] : (tensor<2x6xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.slice %0 [0:2, 4:6] : (tensor<2x6xf32>) -> tensor<2x2xf32>
  %3 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %4 = stablehlo.add %1, %3 : tensor<2x4xf32>
  return %4, %2 : tensor<2x4xf32>, tensor<2x2xf32>
}
