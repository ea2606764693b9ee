// RUN: oxide-opt %s --outline=min-ops=5 | filecheck %s

// The second part was written in another order, and what only its end reads is there before it begins.
// CHECK: func.func @main
// CHECK-NEXT: %[[A:.+]] = call @block(%{{.+}})
// CHECK-NEXT: %[[B:.+]] = call @block(%[[A]])
// CHECK-NEXT: return %[[B]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = stablehlo.sine %x : tensor<4xf32>
  %b = stablehlo.cosine %x : tensor<4xf32>
  %c = stablehlo.multiply %a, %b : tensor<4xf32>
  %d = stablehlo.tanh %x : tensor<4xf32>
  %e = stablehlo.subtract %c, %d : tensor<4xf32>
  %h = stablehlo.tanh %e : tensor<4xf32>
  %g = stablehlo.cosine %e : tensor<4xf32>
  %f = stablehlo.sine %e : tensor<4xf32>
  %i = stablehlo.multiply %f, %g : tensor<4xf32>
  %j = stablehlo.subtract %i, %h : tensor<4xf32>
  return %j : tensor<4xf32>
}
