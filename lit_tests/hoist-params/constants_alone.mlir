// RUN: oxide-opt %s --hoist-params | filecheck %s

// Work on constants is done once; an iota by itself is no work.
// CHECK: func.func public @prepare() -> (tensor<8x8xf32> {oxide.name = "rotary.sin"})
// CHECK-NEXT: stablehlo.iota
// CHECK-NEXT: stablehlo.sine
// CHECK: func.func @main(%{{.+}}: tensor<8x8xf32>, %[[W:.+]]: tensor<8x8xf32> {oxide.param = "w"}, %[[T:.+]]: tensor<8x8xf32> {oxide.param = "rotary.sin"})
// CHECK-NEXT: stablehlo.add %{{.+}}, %[[T]]
// CHECK-NEXT: stablehlo.add %{{.+}}, %[[W]]
// CHECK-NEXT: stablehlo.iota
func.func @main(%x: tensor<8x8xf32>, %w: tensor<8x8xf32> {oxide.param = "w"}) -> tensor<8x8xf32> {
  %0 = stablehlo.iota dim = 0 : tensor<8x8xf32>
  %1 = stablehlo.sine %0 : tensor<8x8xf32> loc("rotary/sin")
  %2 = stablehlo.add %x, %1 : tensor<8x8xf32>
  %3 = stablehlo.add %2, %w : tensor<8x8xf32>
  %4 = stablehlo.iota dim = 1 : tensor<8x8xf32>
  %5 = stablehlo.add %3, %4 : tensor<8x8xf32>
  return %5 : tensor<8x8xf32>
}
