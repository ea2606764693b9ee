// RUN: oxide-opt %s --hoist-params | filecheck %s

// CHECK-NOT: @prepare
func.func @main(%x: tensor<4xf32>, %a: tensor<4xf32> {oxide.param = "a"},
    %p: tensor<i1> {oxide.param = "p"}) -> tensor<4xf32> {
  %0 = "stablehlo.if"(%p) ({
    stablehlo.return %x : tensor<4xf32>
  }, {
    stablehlo.return %a : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
