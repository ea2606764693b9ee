// RUN: oxide-opt %s --simplify | filecheck %s

// What computes the second weight moves before the first product.
// CHECK: %[[K:.+]] = stablehlo.reshape %arg2
// CHECK: %[[W:.+]] = stablehlo.concatenate %arg1, %[[K]], dim = 1
// CHECK: stablehlo.dot_general %arg0, %[[W]]
func.func @main(%x: tensor<2x3xf32>, %q: tensor<3x4xf32> {oxide.param = "q"},
                %k: tensor<6xf32> {oxide.param = "k"}) -> (tensor<2x4xf32>, tensor<2x2xf32>) {
  %0 = stablehlo.dot_general %x, %q, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.reshape %k : (tensor<6xf32>) -> tensor<3x2xf32>
  %2 = stablehlo.dot_general %x, %1, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return %0, %2 : tensor<2x4xf32>, tensor<2x2xf32>
}
