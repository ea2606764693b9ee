// RUN: oxide-opt %s --hoist-params | filecheck %s

// What a region takes from outside is found in @prepare too.
// CHECK: func.func public @prepare(%[[A:.+]]: tensor<4xf32> {oxide.param = "a"}, %[[P:.+]]: tensor<i1> {oxide.param = "p"})
// CHECK: "stablehlo.if"(%[[P]])
// CHECK: stablehlo.sine %[[A]]
// CHECK: func.func @main(%{{.+}}: tensor<4xf32>, %{{.+}}: tensor<4xf32> {oxide.param = "a_prepared"})
func.func @main(%x: tensor<4xf32>, %a: tensor<4xf32> {oxide.param = "a"},
    %p: tensor<i1> {oxide.param = "p"}) -> tensor<4xf32> {
  %0 = "stablehlo.if"(%p) ({
    %2 = stablehlo.sine %a : tensor<4xf32>
    stablehlo.return %2 : tensor<4xf32>
  }, {
    stablehlo.return %a : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %1 = stablehlo.add %x, %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
