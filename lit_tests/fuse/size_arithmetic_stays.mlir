// RUN: oxide-opt %s --fuse | filecheck %s

// Sizes are computed in the open, where shape refinement finds them; the arithmetic on data is fused.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.get_dimension_size
// CHECK: stablehlo.multiply
// CHECK: stablehlo.add
// CHECK: stablehlo.reshape
// CHECK: stablehlo.dynamic_iota
// CHECK: stablehlo.composite "oxide.fusion" %arg1
func.func @main(%x: tensor<?xf32>, %y: tensor<4xf32>) -> (tensor<?xi32>, tensor<4xf32>) {
  %two = stablehlo.constant dense<2> : tensor<i32>
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>
  %0 = stablehlo.multiply %n, %two : tensor<i32>
  %1 = stablehlo.add %0, %two : tensor<i32>
  %2 = stablehlo.reshape %1 : (tensor<i32>) -> tensor<1xi32>
  %3 = stablehlo.dynamic_iota %2, dim = 0 : (tensor<1xi32>) -> tensor<?xi32>
  %4 = stablehlo.exponential %y : tensor<4xf32>
  %5 = stablehlo.negate %4 : tensor<4xf32>
  return %3, %5 : tensor<?xi32>, tensor<4xf32>
}
