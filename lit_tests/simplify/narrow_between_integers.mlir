// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK-LABEL: @selected
// CHECK: %[[ZERO:.+]] = stablehlo.constant dense<0> : tensor<4xi8>
// CHECK: %[[M:.+]] = stablehlo.maximum %arg0, %[[ZERO]] : tensor<4xi8>
// CHECK: return %[[M]]
func.func @selected(%x: tensor<4xi8>) -> tensor<4xi8> {
  %c = stablehlo.constant dense<0> : tensor<4xi32>
  %0 = stablehlo.convert %x : (tensor<4xi8>) -> tensor<4xi32>
  %1 = stablehlo.maximum %0, %c : tensor<4xi32>
  %2 = stablehlo.convert %1 : (tensor<4xi32>) -> tensor<4xi8>
  return %2 : tensor<4xi8>
}

// 128 is no 8-bit integer, though -128 is one.
// CHECK-LABEL: @negated
// CHECK: stablehlo.negate %{{.+}} : tensor<4xi32>
func.func @negated(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = stablehlo.convert %x : (tensor<4xi8>) -> tensor<4xi32>
  %1 = stablehlo.negate %0 : tensor<4xi32>
  %2 = stablehlo.convert %1 : (tensor<4xi32>) -> tensor<4xi8>
  return %2 : tensor<4xi8>
}
