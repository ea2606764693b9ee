// RUN: oxide-opt %s --outline=min-ops=3 | filecheck %s

// One that is the same everywhere belongs to the function.
// CHECK: func.func @main(%[[X:.+]]: tensor<4xf32>)
// CHECK-NEXT: %[[A:.+]] = stablehlo.constant dense<1.000000e+00>
// CHECK-NEXT: %[[Y:.+]] = call @block(%[[X]], %[[A]])
// CHECK-NEXT: %[[B:.+]] = stablehlo.constant dense<2.000000e+00>
// CHECK-NEXT: call @block(%[[Y]], %[[B]])
// CHECK-NEXT: return
// CHECK: func.func private @block(%[[I:.+]]: tensor<4xf32>, %[[C:.+]]: tensor<4xf32>)
// CHECK-NEXT: stablehlo.add %[[I]], %[[C]]
// CHECK-NEXT: stablehlo.sine
// CHECK-NEXT: %[[S:.+]] = stablehlo.constant dense<5.000000e-01>
// CHECK-NEXT: stablehlo.multiply %{{.+}}, %[[S]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = stablehlo.constant dense<1.0> : tensor<4xf32>
  %b = stablehlo.constant dense<2.0> : tensor<4xf32>
  %s = stablehlo.constant dense<0.5> : tensor<4xf32>
  %0 = stablehlo.add %x, %a : tensor<4xf32>
  %1 = stablehlo.sine %0 : tensor<4xf32>
  %2 = stablehlo.multiply %1, %s : tensor<4xf32>
  %3 = stablehlo.abs %2 : tensor<4xf32>
  %4 = stablehlo.add %3, %b : tensor<4xf32>
  %5 = stablehlo.sine %4 : tensor<4xf32>
  %6 = stablehlo.multiply %5, %s : tensor<4xf32>
  %7 = stablehlo.abs %6 : tensor<4xf32>
  return %7 : tensor<4xf32>
}
