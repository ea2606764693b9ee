// RUN: oxide-opt %s --hoist-params | filecheck %s
// RUN: oxide-opt %s --hoist-params --hoist-params | filecheck %s

// The function takes what it computed of its weight instead of the weight.
// CHECK: func.func public @prepare
// CHECK-COUNT-2: stablehlo.transpose
// CHECK-NOT: stablehlo.transpose
// CHECK: func.func @main
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<3x2xf32> {oxide.param = "a_transposed"}
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<3x2xf32> {oxide.param = "b_transposed"}
// CHECK: call @layer(%{{.+}}, %[[A]]) : (tensor<3x3xf32>, tensor<3x2xf32>)
// CHECK: call @layer(%{{.+}}, %[[B]]) : (tensor<3x3xf32>, tensor<3x2xf32>)
// CHECK: func.func private @layer(%[[X:[a-z0-9]+]]: tensor<3x3xf32>, %[[W:[a-z0-9]+]]: tensor<3x2xf32>)
// CHECK-NEXT: stablehlo.dot_general %[[X]], %[[W]]
func.func @main(%x: tensor<3x3xf32>, %a: tensor<2x3xf32> {oxide.param = "a"}, %b: tensor<2x3xf32> {oxide.param = "b"})
    -> tensor<3x2xf32> {
  %0 = call @layer(%x, %a) : (tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = call @layer(%x, %b) : (tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = stablehlo.add %0, %1 : tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}
func.func private @layer(%x: tensor<3x3xf32>, %w: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0] : (tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}
