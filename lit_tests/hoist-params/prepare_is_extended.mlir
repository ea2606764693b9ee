// RUN: oxide-opt %s --hoist-params | filecheck %s

// What @main takes from @prepare is at hand there; a result that @main no longer reads goes.
// CHECK: func.func public @prepare(%[[W:.+]]: tensor<4x3xf32> {oxide.param = "w"}) -> (tensor<3x4xf32> {oxide.name = "w_transposed_prepared"})
// CHECK-NEXT: %[[T:.+]] = stablehlo.transpose %[[W]]
// CHECK-NEXT: %[[S:.+]] = stablehlo.sine %[[T]]
// CHECK-NEXT: return %[[S]]
// CHECK: func.func @main(%{{.+}}: tensor<3x4xf32>, %{{.+}}: tensor<3x4xf32> {oxide.param = "w_transposed_prepared"})
func.func public @prepare(%w: tensor<4x3xf32> {oxide.param = "w"}) -> (tensor<3x4xf32> {oxide.name = "w_transposed"}) {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}
func.func @main(%x: tensor<3x4xf32>, %w: tensor<3x4xf32> {oxide.param = "w_transposed"}) -> tensor<3x4xf32>
    attributes {oxide.prepare = "prepare"} {
  %0 = stablehlo.sine %w : tensor<3x4xf32>
  %1 = stablehlo.add %x, %0 : tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}
