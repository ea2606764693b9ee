// RUN: oxide-opt %s --inline-prepare | filecheck %s

// @main keeps its place for a weight that it shares with @prepare.
// CHECK: func.func @main(%[[W:.+]]: tensor<4xf32> {oxide.param = "w"})
// CHECK-NEXT: %[[S:.+]] = stablehlo.sine %[[W]]
// CHECK-NEXT: stablehlo.add %[[W]], %[[S]]
func.func public @prepare(%w: tensor<4xf32> {oxide.param = "w"}) -> (tensor<4xf32> {oxide.name = "s"}) {
  %0 = stablehlo.sine %w : tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @main(%s: tensor<4xf32> {oxide.param = "s"}, %w: tensor<4xf32> {oxide.param = "w"}) -> tensor<4xf32>
    attributes {oxide.prepare = "prepare"} {
  %0 = stablehlo.add %w, %s : tensor<4xf32>
  return %0 : tensor<4xf32>
}
