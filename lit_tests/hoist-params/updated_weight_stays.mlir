// RUN: oxide-opt %s --hoist-params | filecheck %s

// CHECK-NOT: @prepare
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32> {oxide.param = "running"})
    -> (tensor<4xf32>, tensor<4xf32> {oxide.updates = "running"}) {
  %0 = stablehlo.sine %w : tensor<4xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<4xf32>
  %2 = stablehlo.add %x, %w : tensor<4xf32>
  return %1, %2 : tensor<4xf32>, tensor<4xf32>
}
