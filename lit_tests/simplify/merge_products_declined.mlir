// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// %y is no weight, %t is returned too, and the precision of the last one is another.
// CHECK: merge-products: stablehlo.dot_general stays, its weight is used elsewhere
// CHECK-NOT: stablehlo.concatenate
func.func @main(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>, %w: tensor<3x4xf32> {oxide.param = "w"},
                %v: tensor<3x4xf32> {oxide.param = "v"}, %t: tensor<3x4xf32> {oxide.param = "t"})
    -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<3x4xf32>) {
  %0 = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.dot_general %x, %t, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %3 = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0], precision = [HIGH, HIGH]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %0, %1, %2, %3, %t
    : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<3x4xf32>
}
