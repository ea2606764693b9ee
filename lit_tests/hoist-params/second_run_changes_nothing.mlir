// RUN: oxide-opt %s --hoist-params -o %t.once
// RUN: oxide-opt %t.once --hoist-params -o %t.twice
// RUN: diff %t.once %t.twice

func.func @main(%x: tensor<2x4xf32>, %w: tensor<4x3xf32> {oxide.param = "w"}, %b: tensor<3xf32> {oxide.param = "b"},
    %s: tensor<3xf32> {oxide.param = "s"}) -> tensor<2x3xf32> {
  %0 = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<3xf32>) -> tensor<4x3xf32>
  %1 = stablehlo.multiply %w, %0 : tensor<4x3xf32>
  %2 = stablehlo.dot_general %x, %1, contracting_dims = [1] x [0]
    : (tensor<2x4xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  %3 = stablehlo.multiply %b, %s : tensor<3xf32>
  %4 = stablehlo.broadcast_in_dim %3, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %5 = stablehlo.add %2, %4 : tensor<2x3xf32>
  %6 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %7 = stablehlo.add %5, %6 : tensor<2x3xf32>
  return %7 : tensor<2x3xf32>
}
