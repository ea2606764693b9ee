// RUN: oxide-opt %s --simplify | filecheck %s

// Eight channels in two groups, written as an instance norm of the groups.
// CHECK: %[[B:.+]] = stablehlo.broadcast_in_dim %arg1, dims = [0] : (tensor<2xf32>) -> tensor<2x4xf32>
// CHECK: %[[S:.+]] = stablehlo.reshape %[[B]] : (tensor<2x4xf32>) -> tensor<8xf32>
// CHECK: stablehlo.composite "oxide.group_norm" %arg0, %[[S]], %{{.+}} {composite_attributes = {epsilon = {{.+}}, groups = 2 : i64}
// CHECK-SAME: (tensor<1x8x3x3xf32>
// CHECK-NEXT: return
func.func @main(%x: tensor<1x8x3x3xf32>, %s: tensor<2xf32> {oxide.param = "s"}, %b: tensor<2xf32> {oxide.param = "b"})
    -> tensor<1x8x3x3xf32> {
  %0 = stablehlo.reshape %x : (tensor<1x8x3x3xf32>) -> tensor<1x2x36xf32>
  %1 = stablehlo.composite "oxide.group_norm" %0, %s, %b {composite_attributes = {groups = 2 : i64,
    epsilon = 1.0e-05 : f64}, decomposition = @group_norm}
    : (tensor<1x2x36xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x36xf32>
  %2 = stablehlo.reshape %1 : (tensor<1x2x36xf32>) -> tensor<1x8x3x3xf32>
  return %2 : tensor<1x8x3x3xf32>
}
func.func private @group_norm(%x: tensor<1x2x36xf32>, %s: tensor<2xf32>, %b: tensor<2xf32>) -> tensor<1x2x36xf32> {
  return %x : tensor<1x2x36xf32>
}
