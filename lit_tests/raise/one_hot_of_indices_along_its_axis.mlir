// RUN: oxide-opt %s --raise --dce | filecheck %s

// The indices differ along the dimension that is counted: each is compared with its own position.
// CHECK-NOT: stablehlo.composite
func.func @main(%i: tensor<2x4xi32>) -> tensor<2x4xf32> {
  %p = stablehlo.iota dim = 1 : tensor<2x4xi32>
  %e = stablehlo.compare EQ, %i, %p : (tensor<2x4xi32>, tensor<2x4xi32>) -> tensor<2x4xi1>
  %y = stablehlo.convert %e : (tensor<2x4xi1>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
