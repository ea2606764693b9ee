// RUN: oxide-opt %s --roll | filecheck %s

// What each turn gives is kept for those who read it; they move behind the loop.
// CHECK: %[[R:.+]]:3 = stablehlo.while
// CHECK: stablehlo.dynamic_update_slice
// CHECK: %[[S:.+]] = stablehlo.slice %[[R]]#2 [0:1, 0:4]
// CHECK-NEXT: %[[F:.+]] = stablehlo.reshape %[[S]]
// CHECK-NEXT: %[[A:.+]] = stablehlo.abs %[[F]]
// CHECK-NEXT: return %[[R]]#1, %[[A]]
func.func @main(%x: tensor<4xf32>, %m: tensor<4xf32>, %a: tensor<4xf32> {oxide.param = "a"},
    %b: tensor<4xf32> {oxide.param = "b"}, %c: tensor<4xf32> {oxide.param = "c"}) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = call @layer(%x, %m, %a) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = stablehlo.abs %0 : tensor<4xf32>
  %2 = call @layer(%0, %m, %b) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = call @layer(%2, %m, %c) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3, %1 : tensor<4xf32>, tensor<4xf32>
}
func.func private @layer(%x: tensor<4xf32>, %m: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.multiply %x, %w : tensor<4xf32>
  %1 = stablehlo.add %0, %m : tensor<4xf32>
  return %1 : tensor<4xf32>
}
