// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// A back end would transpose what has its batches inside.
// CHECK: layout: 2 operations stay, 144 bytes are transposed before and 144 after
// CHECK: stablehlo.transpose
func.func @main(%x: tensor<3x2x6xf32>, %y: tensor<2x6x7xf32>) -> tensor<2x3x7xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<3x2x6xf32>) -> tensor<2x3x6xf32>
  %1 = stablehlo.dot_general %0, %y, batching_dims = [0] x [0], contracting_dims = [2] x [1]
    : (tensor<2x3x6xf32>, tensor<2x6x7xf32>) -> tensor<2x3x7xf32>
  return %1 : tensor<2x3x7xf32>
}
