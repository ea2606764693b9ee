// RUN: oxide-opt %s --raise --remarks 2>&1 | filecheck %s

// Each summed element has a scale of its own: no integer is the sum.
// CHECK: a scale of its operands differs along what is summed
// CHECK-NOT: -> tensor<2x4xi32>
func.func @main(%q: tensor<2x8xi8>, %w: tensor<8x4xi8>, %t: tensor<8xf32>) -> tensor<2x4xf32> {
  %s = stablehlo.constant dense<0.1> : tensor<2x8xf32>
  %qf = stablehlo.convert %q : (tensor<2x8xi8>) -> tensor<2x8xf32>
  %x = stablehlo.multiply %qf, %s : tensor<2x8xf32>
  %wf = stablehlo.convert %w : (tensor<8x4xi8>) -> tensor<8x4xf32>
  %tb = stablehlo.broadcast_in_dim %t, dims = [0] : (tensor<8xf32>) -> tensor<8x4xf32>
  %v = stablehlo.multiply %wf, %tb : tensor<8x4xf32>
  %y = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0] : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
