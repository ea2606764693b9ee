// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// The cube would be rounded twice.
// CHECK: float-power: stablehlo.power stays, several operations round more than once; it needs reassociate
// CHECK: %[[SQUARE:.+]] = stablehlo.multiply %arg0, %arg0
// CHECK: %[[CUBE:.+]] = stablehlo.power %arg0
// CHECK: return %[[SQUARE]], %[[CUBE]]
func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c2 = stablehlo.constant dense<2.0> : tensor<4xf32>
  %c3 = stablehlo.constant dense<3.0> : tensor<4xf32>
  %0 = stablehlo.power %x, %c2 : tensor<4xf32>
  %1 = stablehlo.power %x, %c3 : tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
