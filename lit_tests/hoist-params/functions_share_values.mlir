// RUN: oxide-opt %s --hoist-params | filecheck %s

// Both calls pass the same weight, and the table is of constants: each is there once.
// CHECK: func.func public @prepare
// CHECK-COUNT-1: stablehlo.transpose
// CHECK-NOT: stablehlo.transpose
// CHECK: func.func @main
// CHECK: call @layer(%[[X:[a-z0-9]+]], %[[W:[a-z0-9]+]], %[[S:[a-z0-9]+]])
// CHECK-NEXT: call @layer(%{{[a-z0-9]+}}, %[[W]], %[[S]])
// CHECK: func.func private @layer
// CHECK-NOT: stablehlo.sine
func.func @main(%x: tensor<3x3xf32>, %w: tensor<3x3xf32> {oxide.param = "w"}) -> tensor<3x3xf32> {
  %0 = call @layer(%x, %w) : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  %1 = call @layer(%0, %w) : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  return %1 : tensor<3x3xf32>
}
func.func private @layer(%x: tensor<3x3xf32>, %w: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<3x3xf32>) -> tensor<3x3xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0] : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  %2 = stablehlo.iota dim = 0 : tensor<3x3xf32>
  %3 = stablehlo.sine %2 : tensor<3x3xf32>
  %4 = stablehlo.add %1, %3 : tensor<3x3xf32>
  return %4 : tensor<3x3xf32>
}
