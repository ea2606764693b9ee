// RUN: oxide-opt %s --simplify=reassociate | filecheck %s

// CHECK: %[[Y:.+]] = stablehlo.add
// CHECK: stablehlo.multiply %[[Y]]
func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x3xf32> {oxide.param = "w"}) -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<0.3> : tensor<2x3xf32>
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x3xf32>) -> tensor<2x3xf32>
  %1 = stablehlo.add %0, %x : tensor<2x3xf32>
  %2 = stablehlo.multiply %1, %c : tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}
