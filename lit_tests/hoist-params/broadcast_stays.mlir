// RUN: oxide-opt %s --hoist-params | filecheck %s

// A bias spread over the result would only take memory.
// CHECK-NOT: @prepare
// CHECK: stablehlo.broadcast_in_dim
func.func @main(%x: tensor<2x4xf32>, %b: tensor<4xf32> {oxide.param = "b"}) -> tensor<2x4xf32> {
  %0 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.add %x, %0 : tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}
