// RUN: oxide-opt %s --outline=min-ops=4 | filecheck %s

// Parts need not follow each other, and may return several values.
// CHECK: %[[A:.+]]:2 = call @block(%[[X:.+]])
// CHECK-NEXT: %[[S:.+]] = stablehlo.subtract %[[A]]#1, %[[A]]#0
// CHECK-NEXT: %[[B:.+]]:2 = call @block(%[[S]])
// CHECK-NEXT: %[[M:.+]] = stablehlo.maximum %[[B]]#1, %[[B]]#0
// CHECK-NEXT: %[[C:.+]]:2 = call @block(%[[M]])
// CHECK-NEXT: return %[[C]]#1
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32>
  %1 = stablehlo.cosine %0 : tensor<4xf32>
  %2 = stablehlo.tanh %1 : tensor<4xf32>
  %3 = stablehlo.abs %2 : tensor<4xf32>
  %4 = stablehlo.subtract %3, %2 : tensor<4xf32>
  %5 = stablehlo.sine %4 : tensor<4xf32>
  %6 = stablehlo.cosine %5 : tensor<4xf32>
  %7 = stablehlo.tanh %6 : tensor<4xf32>
  %8 = stablehlo.abs %7 : tensor<4xf32>
  %9 = stablehlo.maximum %8, %7 : tensor<4xf32>
  %10 = stablehlo.sine %9 : tensor<4xf32>
  %11 = stablehlo.cosine %10 : tensor<4xf32>
  %12 = stablehlo.tanh %11 : tensor<4xf32>
  %13 = stablehlo.abs %12 : tensor<4xf32>
  return %13 : tensor<4xf32>
}
