// RUN: oxide-opt %s --hoist-params | filecheck %s

// What depends on no weight is for folding.
// CHECK-NOT: @prepare
func.func @main(%x: tensor<8x8xf32>, %w: tensor<8x8xf32> {oxide.param = "w"}) -> tensor<8x8xf32> {
  %0 = stablehlo.iota dim = 0 : tensor<8x8xf32>
  %1 = stablehlo.sine %0 : tensor<8x8xf32>
  %2 = stablehlo.add %x, %1 : tensor<8x8xf32>
  %3 = stablehlo.add %2, %w : tensor<8x8xf32>
  return %3 : tensor<8x8xf32>
}
