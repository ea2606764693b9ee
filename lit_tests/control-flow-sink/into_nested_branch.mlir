// The cosine is needed in one branch of a branch; the sine in both, so it stays.
// RUN: oxide-opt %s --control-flow-sink | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[S:.+]] = stablehlo.sine
// CHECK-NEXT: "stablehlo.if"
// CHECK-NEXT: "stablehlo.case"
// CHECK-NEXT: %[[C:.+]] = stablehlo.cosine
// CHECK-NEXT: stablehlo.add %[[C]], %[[S]]
func.func @main(%p: tensor<i1>, %i: tensor<i32>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %c = stablehlo.cosine %x : tensor<4xf32>
  %s = stablehlo.sine %x : tensor<4xf32>
  %0 = "stablehlo.if"(%p) ({
    %1 = "stablehlo.case"(%i) ({
      %2 = stablehlo.add %c, %s : tensor<4xf32>
      stablehlo.return %2 : tensor<4xf32>
    }, {
      stablehlo.return %x : tensor<4xf32>
    }) : (tensor<i32>) -> tensor<4xf32>
    stablehlo.return %1 : tensor<4xf32>
  }, {
    stablehlo.return %s : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
