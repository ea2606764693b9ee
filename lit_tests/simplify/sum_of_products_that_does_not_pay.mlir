// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// Integers need no option, but all four operands would be copied.
// CHECK: sum-of-products: stablehlo.add stays, 288 bytes would move to save 64
// CHECK: stablehlo.add
func.func @main(%x: tensor<2x6xi32>, %y: tensor<2x3xi32>, %v: tensor<6x2xi32>, %w: tensor<3x2xi32>)
    -> tensor<2x2xi32> {
  %0 = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0]
    : (tensor<2x6xi32>, tensor<6x2xi32>) -> tensor<2x2xi32>
  %1 = stablehlo.dot_general %y, %w, contracting_dims = [1] x [0]
    : (tensor<2x3xi32>, tensor<3x2xi32>) -> tensor<2x2xi32>
  %2 = stablehlo.add %0, %1 : tensor<2x2xi32>
  return %2 : tensor<2x2xi32>
}
