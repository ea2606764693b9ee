// RUN: oxide-opt %s --outline=min-ops=3 --remarks 2>%t | filecheck %s
// RUN: filecheck %s --check-prefix=REMARK < %t

// What tells the weights apart names the function; the block ends where the fewest values cross.
// CHECK: func.func @main(%[[X:[^:]+]]: {{.+}}, %[[A:[^:]+]]: {{[^%]+}}, %[[B:[^:]+]]: {{[^%]+}}, %[[C:[^:]+]]: tensor
// CHECK-NEXT: %[[E:.+]] = stablehlo.cosine %[[X]]
// CHECK-NEXT: %[[Y:.+]] = call @layer(%[[E]], %[[A]])
// CHECK-NEXT: %[[Z:.+]] = call @layer(%[[Y]], %[[B]])
// CHECK-NEXT: %[[R:.+]] = call @layer(%[[Z]], %[[C]])
// CHECK-NEXT: return %[[R]]
// CHECK: func.func private @layer(%[[I:.+]]: tensor<4x4xf32>, %[[W:.+]]: tensor<4x4xf32>) -> tensor<4x4xf32>
// CHECK-NEXT: %[[D:.+]] = stablehlo.dot %[[I]], %[[W]]
// CHECK-NEXT: %[[T:.+]] = stablehlo.tanh %[[D]]
// CHECK-NEXT: %[[S:.+]] = stablehlo.add %[[I]], %[[T]]
// CHECK-NEXT: return %[[S]]
// REMARK: remark: outline: 3 parts of 3 operations are calls of @layer
func.func @main(%x: tensor<4x4xf32>, %a: tensor<4x4xf32> {oxide.param = "layers.0.fc"},
    %b: tensor<4x4xf32> {oxide.param = "layers.1.fc"}, %c: tensor<4x4xf32> {oxide.param = "layers.2.fc"})
    -> tensor<4x4xf32> {
  %e = stablehlo.cosine %x : tensor<4x4xf32>
  %0 = stablehlo.dot %e, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = stablehlo.tanh %0 : tensor<4x4xf32>
  %2 = stablehlo.add %e, %1 : tensor<4x4xf32>
  %3 = stablehlo.dot %2, %b : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %4 = stablehlo.tanh %3 : tensor<4x4xf32>
  %5 = stablehlo.add %2, %4 : tensor<4x4xf32>
  %6 = stablehlo.dot %5, %c : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %7 = stablehlo.tanh %6 : tensor<4x4xf32>
  %8 = stablehlo.add %5, %7 : tensor<4x4xf32>
  return %8 : tensor<4x4xf32>
}
