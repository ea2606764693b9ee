// RUN: oxide-opt %s --hoist-params=max-growth=767 --remarks 2>&1 | filecheck %s --check-prefix=LESS
// RUN: oxide-opt %s --hoist-params=max-growth=768 | filecheck %s --check-prefix=ENOUGH

// 256 bytes of table become 1024.
// LESS-NOT: @prepare
// LESS: stablehlo.multiply of weights stays, 768 bytes more would exceed max-growth=767
// ENOUGH: func.func public @prepare
// ENOUGH: stablehlo.convert
// ENOUGH: func.func @main(%{{.+}}: tensor<256xf32>, %{{.+}}: tensor<256xf32> {oxide.param = "table_scaled"})
func.func @main(%x: tensor<256xf32>, %w: tensor<256xi8> {oxide.param = "table"},
    %s: tensor<f32> {oxide.param = "scale"}) -> tensor<256xf32> {
  %0 = stablehlo.convert %w : (tensor<256xi8>) -> tensor<256xf32>
  %1 = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f32>) -> tensor<256xf32>
  %2 = stablehlo.multiply %0, %1 : tensor<256xf32>
  %3 = stablehlo.add %x, %2 : tensor<256xf32>
  return %3 : tensor<256xf32>
}
