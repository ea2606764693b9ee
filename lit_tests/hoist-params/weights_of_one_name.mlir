// RUN: not oxide-opt %s --hoist-params 2>&1 | filecheck %s

// CHECK: two weights of @main are called 'w'
func.func @main(%x: tensor<4xf32>, %v: tensor<4xf32> {oxide.param = "w"}, %w: tensor<4xf32> {oxide.param = "w"})
    -> tensor<4xf32> {
  %0 = stablehlo.sine %v : tensor<4xf32>
  %1 = stablehlo.add %x, %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
