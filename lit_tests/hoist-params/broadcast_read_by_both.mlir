// RUN: oxide-opt %s --hoist-params | filecheck %s

// @prepare has a copy of what it needs and @main keeps for itself.
// CHECK: func.func public @prepare
// CHECK: %[[B:.+]] = stablehlo.broadcast_in_dim
// CHECK-NEXT: stablehlo.multiply %{{.+}}, %[[B]]
// CHECK: func.func @main
// CHECK-SAME: tensor<4xf32> {oxide.param = "b"}, %[[P:.+]]: tensor<2x4xf32> {oxide.param = "w_scaled"}
// CHECK-NEXT: %[[B:.+]] = stablehlo.broadcast_in_dim
// CHECK-NEXT: stablehlo.add %{{.+}}, %[[B]]
// CHECK-NEXT: stablehlo.add %{{.+}}, %[[P]]
func.func @main(%x: tensor<2x4xf32>, %w: tensor<2x4xf32> {oxide.param = "w"},
    %b: tensor<4xf32> {oxide.param = "b"}) -> tensor<2x4xf32> {
  %0 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.multiply %w, %0 : tensor<2x4xf32>
  %2 = stablehlo.add %x, %0 : tensor<2x4xf32>
  %3 = stablehlo.add %2, %1 : tensor<2x4xf32>
  return %3 : tensor<2x4xf32>
}
