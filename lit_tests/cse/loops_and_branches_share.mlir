// RUN: oxide-opt %s --cse | filecheck %s

// Loops and branches use what the blocks around have computed before them, however deep they are.
// CHECK-LABEL: func.func @main
// CHECK: %[[TEN:.+]] = stablehlo.constant dense<10>
// CHECK: %[[SQUARE:.+]] = stablehlo.multiply %arg0, %arg0
// CHECK: stablehlo.while(%[[I:.+]] = %[[SQUARE]])
// CHECK-NEXT: cond {
// CHECK-NEXT: stablehlo.compare LT, %[[I]], %[[TEN]]
// CHECK: "stablehlo.if"
// CHECK-NEXT: stablehlo.return %[[SQUARE]]
// CHECK: %[[SUM:.+]] = stablehlo.add %[[I]], %[[SQUARE]]
// CHECK-NEXT: stablehlo.return %[[SUM]]
func.func @main(%x: tensor<i32>, %p: tensor<i1>) -> (tensor<i32>, tensor<i32>) {
  %ten = stablehlo.constant dense<10> : tensor<i32>
  %square = stablehlo.multiply %x, %x : tensor<i32>
  %0 = stablehlo.while(%i = %square) : tensor<i32>
    cond {
      %limit = stablehlo.constant dense<10> : tensor<i32>
      %1 = stablehlo.compare LT, %i, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %1 : tensor<i1>
    } do {
      %1 = "stablehlo.if"(%p) ({
        %2 = stablehlo.multiply %x, %x : tensor<i32>
        stablehlo.return %2 : tensor<i32>
      }, {
        %2 = stablehlo.multiply %x, %x : tensor<i32>
        %3 = stablehlo.add %i, %2 : tensor<i32>
        stablehlo.return %3 : tensor<i32>
      }) : (tensor<i1>) -> tensor<i32>
      stablehlo.return %1 : tensor<i32>
    }
  return %0, %ten : tensor<i32>, tensor<i32>
}
