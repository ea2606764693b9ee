// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK-LABEL: @with_constant
// CHECK: %[[C:.+]] = stablehlo.constant dense<3> : tensor<4xi8>
// CHECK: stablehlo.compare LT, %arg0, %[[C]], SIGNED : (tensor<4xi8>, tensor<4xi8>)
func.func @with_constant(%x: tensor<4xi8>) -> tensor<4xi1> {
  %c = stablehlo.constant dense<3.0> : tensor<4xf32>
  %0 = stablehlo.convert %x : (tensor<4xi8>) -> tensor<4xf32>
  %1 = stablehlo.compare LT, %0, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return %1 : tensor<4xi1>
}

// CHECK-LABEL: @bools
// CHECK: stablehlo.compare NE, %arg0, %arg1, UNSIGNED : (tensor<4xi1>, tensor<4xi1>)
func.func @bools(%x: tensor<4xi1>, %y: tensor<4xi1>) -> tensor<4xi1> {
  %0 = stablehlo.convert %x : (tensor<4xi1>) -> tensor<4xi32>
  %1 = stablehlo.convert %y : (tensor<4xi1>) -> tensor<4xi32>
  %2 = stablehlo.compare NE, %0, %1 : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi1>
  return %2 : tensor<4xi1>
}

// Half of no 8-bit integer, and another type on either side.
// CHECK-LABEL: @kept
// CHECK: stablehlo.compare LT, %{{.+}} : (tensor<4xf32>, tensor<4xf32>)
// CHECK: stablehlo.compare LT, %{{.+}} : (tensor<4xf32>, tensor<4xf32>)
func.func @kept(%x: tensor<4xi8>, %y: tensor<4xf16>) -> (tensor<4xi1>, tensor<4xi1>) {
  %c = stablehlo.constant dense<3.5> : tensor<4xf32>
  %0 = stablehlo.convert %x : (tensor<4xi8>) -> tensor<4xf32>
  %1 = stablehlo.compare LT, %0, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %2 = stablehlo.convert %y : (tensor<4xf16>) -> tensor<4xf32>
  %3 = stablehlo.compare LT, %0, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return %1, %3 : tensor<4xi1>, tensor<4xi1>
}
