// RUN: oxide-opt %s --simplify=reassociate | filecheck %s

// The scale of a norm goes to the rows of all weights that what it gives is multiplied by.
// CHECK-NOT: stablehlo.multiply %arg0
// CHECK: %[[S:.+]] = stablehlo.broadcast_in_dim %arg1, dims = [0] : (tensor<3xf32>) -> tensor<3x4xf32>
// CHECK: %[[Q:.+]] = stablehlo.multiply %arg2, %[[S]]
// CHECK: %[[K:.+]] = stablehlo.multiply %arg3, %{{.+}} : tensor<3x5xf32>
// CHECK: %[[W:.+]] = stablehlo.concatenate %[[Q]], %[[K]], dim = 1
// CHECK: stablehlo.dot_general %arg0, %[[W]]
func.func @main(%x: tensor<2x3xf32>, %s: tensor<3xf32> {oxide.param = "s"},
                %q: tensor<3x4xf32> {oxide.param = "q"}, %k: tensor<3x5xf32> {oxide.param = "k"})
    -> (tensor<2x4xf32>, tensor<2x5xf32>) {
  %0 = stablehlo.broadcast_in_dim %s, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<2x3xf32>
  %2 = stablehlo.dot_general %1, %q, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %3 = stablehlo.dot_general %1, %k, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return %2, %3 : tensor<2x4xf32>, tensor<2x5xf32>
}
