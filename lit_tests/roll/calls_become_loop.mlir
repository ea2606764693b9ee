// RUN: oxide-opt %s --roll --remarks 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t

// What differs is stacked, and sliced in each turn; what is the same is not.
// CHECK: func.func @main(%[[X:[^:]+]]: tensor<4xf32>, %[[M:[^:]+]]: tensor<4xf32>
// CHECK: %[[W:.+]] = stablehlo.concatenate {{.+}}, dim = 0
// CHECK: %[[N:.+]] = stablehlo.constant dense<0> : tensor<i32>
// CHECK: %[[R:.+]]:2 = stablehlo.while(%[[I:.+]] = %[[N]], %[[S:.+]] = %[[X]])
// CHECK: %[[L:.+]] = stablehlo.constant dense<3>
// CHECK-NEXT: stablehlo.compare LT, %[[I]], %[[L]]
// CHECK: stablehlo.dynamic_slice %[[W]], %[[I]]
// CHECK-NEXT: %[[P:.+]] = stablehlo.reshape
// CHECK-NEXT: %[[Y:.+]] = func.call @layer(%[[S]], %[[M]], %[[P]])
// CHECK: stablehlo.return %{{.+}}, %[[Y]]
// CHECK: return %[[R]]#1
// REMARK: remark: roll: 3 calls of @layer are a loop
func.func @main(%x: tensor<4xf32>, %m: tensor<4xf32>, %a: tensor<4xf32> {oxide.param = "a"},
    %b: tensor<4xf32> {oxide.param = "b"}, %c: tensor<4xf32> {oxide.param = "c"}) -> tensor<4xf32> {
  %0 = call @layer(%x, %m, %a) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = call @layer(%0, %m, %b) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = call @layer(%1, %m, %c) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
func.func private @layer(%x: tensor<4xf32>, %m: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.multiply %x, %w : tensor<4xf32>
  %1 = stablehlo.add %0, %m : tensor<4xf32>
  return %1 : tensor<4xf32>
}
