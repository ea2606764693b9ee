// RUN: oxide-opt %s --hoist-params | filecheck %s

// CHECK: func.func public @[[PREPARE:prepare_.+]](%{{.+}}: tensor<4xf32> {oxide.param = "w"})
// CHECK-SAME: {oxide.name = "w_prepared_2"}
// CHECK: func.func @main
// CHECK-SAME: oxide.prepare = "[[PREPARE]]"
// CHECK: func.func private @prepare
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32> {oxide.param = "w"},
    %v: tensor<4xf32> {oxide.param = "w_prepared"}) -> tensor<4xf32> {
  %0 = stablehlo.sine %w : tensor<4xf32>
  %1 = stablehlo.add %x, %0 : tensor<4xf32>
  %2 = func.call @prepare(%1, %v) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
func.func private @prepare(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %x, %y : tensor<4xf32>
  return %0 : tensor<4xf32>
}
