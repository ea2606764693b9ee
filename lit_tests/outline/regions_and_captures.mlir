// RUN: oxide-opt %s --outline=min-ops=3 | filecheck %s

// What a region captures is an argument, too.
// CHECK: call @block(%[[P:.+]], %[[A:.+]], %[[X:.+]])
// CHECK: func.func private @block(%[[X:.+]]: tensor<4xf32>, %[[P:.+]]: tensor<i1>, %[[W:.+]]: tensor<4xf32>)
// CHECK-NEXT: "stablehlo.if"(%[[P]])
// CHECK-NEXT: stablehlo.add %[[X]], %[[W]]
func.func @main(%p: tensor<i1>, %x: tensor<4xf32>, %a: tensor<4xf32> {oxide.param = "a"},
    %b: tensor<4xf32> {oxide.param = "b"}) -> tensor<4xf32> {
  %0 = "stablehlo.if"(%p) ({
    %i = stablehlo.add %x, %a : tensor<4xf32>
    stablehlo.return %i : tensor<4xf32>
  }, {
    stablehlo.return %x : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %1 = stablehlo.sine %0 : tensor<4xf32>
  %2 = stablehlo.cosine %1 : tensor<4xf32>
  %3 = stablehlo.tanh %2 : tensor<4xf32>
  %4 = "stablehlo.if"(%p) ({
    %i = stablehlo.add %3, %b : tensor<4xf32>
    stablehlo.return %i : tensor<4xf32>
  }, {
    stablehlo.return %3 : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %5 = stablehlo.sine %4 : tensor<4xf32>
  %6 = stablehlo.cosine %5 : tensor<4xf32>
  %7 = stablehlo.tanh %6 : tensor<4xf32>
  return %7 : tensor<4xf32>
}
