// RUN: oxide-opt %s --outline=min-ops=4 | filecheck %s

// Two stages of two layers each: a function for the layer, and one for the stage that calls it twice.
// CHECK: func.func @main(%[[X:[^:]+]]: tensor<4xf32>)
// CHECK-NEXT: %[[A:.+]] = call @[[STAGE:[a-z_0-9]+]](%[[X]])
// CHECK-NEXT: %[[B:.+]] = call @[[STAGE]](%[[A]])
// CHECK-NEXT: return %[[B]]
// CHECK-DAG: func.func private @[[STAGE]]
// CHECK-COUNT-2: call @[[LAYER:[a-z_0-9]+]](
// CHECK: func.func private @[[LAYER]]
// CHECK: stablehlo.tanh
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a0 = stablehlo.cosine %x : tensor<4xf32>
  %a1 = stablehlo.abs %a0 : tensor<4xf32>
  %a2 = stablehlo.floor %a1 : tensor<4xf32>
  %b0 = stablehlo.tanh %a2 : tensor<4xf32>
  %b1 = stablehlo.exponential %b0 : tensor<4xf32>
  %b2 = stablehlo.sine %b1 : tensor<4xf32>
  %b3 = stablehlo.negate %b2 : tensor<4xf32>
  %c0 = stablehlo.tanh %b3 : tensor<4xf32>
  %c1 = stablehlo.exponential %c0 : tensor<4xf32>
  %c2 = stablehlo.sine %c1 : tensor<4xf32>
  %c3 = stablehlo.negate %c2 : tensor<4xf32>
  %d0 = stablehlo.cosine %c3 : tensor<4xf32>
  %d1 = stablehlo.abs %d0 : tensor<4xf32>
  %d2 = stablehlo.floor %d1 : tensor<4xf32>
  %e0 = stablehlo.tanh %d2 : tensor<4xf32>
  %e1 = stablehlo.exponential %e0 : tensor<4xf32>
  %e2 = stablehlo.sine %e1 : tensor<4xf32>
  %e3 = stablehlo.negate %e2 : tensor<4xf32>
  %f0 = stablehlo.tanh %e3 : tensor<4xf32>
  %f1 = stablehlo.exponential %f0 : tensor<4xf32>
  %f2 = stablehlo.sine %f1 : tensor<4xf32>
  %f3 = stablehlo.negate %f2 : tensor<4xf32>
  return %f3 : tensor<4xf32>
}
