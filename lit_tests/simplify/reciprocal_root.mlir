// RUN: oxide-opt %s --simplify=reassociate | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// CHECK: %[[R:.+]] = stablehlo.rsqrt %arg0
// CHECK: %[[S:.+]] = stablehlo.sqrt %arg1
// CHECK: return %[[R]], %[[S]]

// KEPT-COUNT-2: reciprocal-root: stablehlo.divide stays, its root is rounded twice; it needs reassociate
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %one = stablehlo.constant dense<1.0> : tensor<4xf32>
  %0 = stablehlo.sqrt %x : tensor<4xf32>
  %1 = stablehlo.divide %one, %0 : tensor<4xf32>
  %2 = stablehlo.rsqrt %y : tensor<4xf32>
  %3 = stablehlo.divide %one, %2 : tensor<4xf32>
  return %1, %3 : tensor<4xf32>, tensor<4xf32>
}
