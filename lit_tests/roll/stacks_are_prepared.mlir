// RUN: oxide-opt %s --roll --hoist-params=max-growth=0 | filecheck %s

// CHECK: func.func public @prepare
// CHECK-SAME: tensor<3x4xf32> {oxide.name = "a_stacked"}
// CHECK: stablehlo.concatenate
// CHECK: func.func @main
// CHECK-NOT: stablehlo.concatenate
// CHECK: stablehlo.while
func.func @main(%x: tensor<4xf32>, %m: tensor<4xf32>, %a: tensor<4xf32> {oxide.param = "a"},
    %b: tensor<4xf32> {oxide.param = "b"}, %c: tensor<4xf32> {oxide.param = "c"}) -> tensor<4xf32> {
  %0 = call @layer(%x, %m, %a) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = call @layer(%0, %m, %b) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = call @layer(%1, %m, %c) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
func.func private @layer(%x: tensor<4xf32>, %m: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.multiply %x, %w : tensor<4xf32>
  %1 = stablehlo.add %0, %m : tensor<4xf32>
  return %1 : tensor<4xf32>
}
