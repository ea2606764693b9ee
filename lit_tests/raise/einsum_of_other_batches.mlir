// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// Six batches are 2 by 3 of one side and 3 by 2 of the other.
// CHECK: stablehlo.dot_general {{.*}} (tensor<6x5x8xf32>, tensor<6x8x7xf32>) -> tensor<6x5x7xf32>
func.func @main(%q: tensor<2x5x3x8xf32>, %k: tensor<3x7x2x8xf32>) -> tensor<2x3x5x7xf32> {
  %qt = stablehlo.transpose %q, dims = [0, 2, 1, 3] : (tensor<2x5x3x8xf32>) -> tensor<2x3x5x8xf32>
  %qm = stablehlo.reshape %qt : (tensor<2x3x5x8xf32>) -> tensor<6x5x8xf32>
  %kt = stablehlo.transpose %k, dims = [0, 2, 3, 1] : (tensor<3x7x2x8xf32>) -> tensor<3x2x8x7xf32>
  %km = stablehlo.reshape %kt : (tensor<3x2x8x7xf32>) -> tensor<6x8x7xf32>
  %y = stablehlo.dot_general %qm, %km, batching_dims = [0] x [0], contracting_dims = [2] x [1] : (tensor<6x5x8xf32>, tensor<6x8x7xf32>) -> tensor<6x5x7xf32>
  %r = stablehlo.reshape %y : (tensor<6x5x7xf32>) -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}
