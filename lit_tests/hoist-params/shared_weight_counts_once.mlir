// RUN: oxide-opt %s --hoist-params=max-growth=0 | filecheck %s

// The halves of a weight take its place together.
// CHECK: func.func public @prepare(%{{.+}}: tensor<8x4xf32> {oxide.param = "qk"})
// CHECK-SAME: -> (tensor<4x4xf32> {oxide.name = "qk_sliced"}, tensor<4x4xf32> {oxide.name = "qk_sliced_2"})
// CHECK: func.func @main
// CHECK-NOT: oxide.param = "qk"}
// CHECK-NOT: stablehlo.slice
func.func @main(%x: tensor<4x4xf32>, %w: tensor<8x4xf32> {oxide.param = "qk"}) -> tensor<4x4xf32> {
  %0 = stablehlo.slice %w [0:4, 0:4] : (tensor<8x4xf32>) -> tensor<4x4xf32>
  %1 = stablehlo.slice %w [4:8, 0:4] : (tensor<8x4xf32>) -> tensor<4x4xf32>
  %2 = stablehlo.multiply %x, %0 : tensor<4x4xf32>
  %3 = stablehlo.multiply %2, %1 : tensor<4x4xf32>
  return %3 : tensor<4x4xf32>
}
