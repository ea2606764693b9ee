// RUN: oxide-opt %s --hoist-params | filecheck %s

// What @main reads as it is stays among its arguments.
// CHECK: func.func public @prepare
// CHECK: stablehlo.sine
// CHECK: func.func @main(%[[X:.+]]: tensor<4xf32>, %[[W:.+]]: tensor<4xf32> {oxide.param = "w"}, %[[S:.+]]: tensor<4xf32> {oxide.param = "w_prepared"})
// CHECK-NEXT: stablehlo.add %[[X]], %[[W]]
// CHECK-NEXT: stablehlo.multiply %{{.+}}, %[[S]]
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32> {oxide.param = "w"}) -> tensor<4xf32> {
  %0 = stablehlo.add %x, %w : tensor<4xf32>
  %1 = stablehlo.sine %w : tensor<4xf32>
  %2 = stablehlo.multiply %0, %1 : tensor<4xf32>
  return %2 : tensor<4xf32>
}
