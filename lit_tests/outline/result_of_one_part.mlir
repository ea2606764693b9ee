// RUN: oxide-opt %s --outline=min-ops=4 | filecheck %s

// What is read of one part only is a result that the other calls leave unused.
// CHECK: %[[A:.+]]:2 = call @block(%{{.+}})
// CHECK-NEXT: %[[B:.+]]:2 = call @block(%[[A]]#1)
// CHECK-NEXT: return %[[B]]#1, %[[A]]#0
func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = stablehlo.sine %x : tensor<4xf32>
  %b = stablehlo.tanh %a : tensor<4xf32>
  %c = stablehlo.exponential %b : tensor<4xf32>
  %d = stablehlo.negate %c : tensor<4xf32>
  %e = stablehlo.floor %d : tensor<4xf32>
  %f = stablehlo.sine %e : tensor<4xf32>
  %g = stablehlo.tanh %f : tensor<4xf32>
  %h = stablehlo.exponential %g : tensor<4xf32>
  %i = stablehlo.negate %h : tensor<4xf32>
  %j = stablehlo.floor %i : tensor<4xf32>
  return %j, %b : tensor<4xf32>, tensor<4xf32>
}
