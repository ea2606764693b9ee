// Negations and absolute values: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @sum_with_negated
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.subtract %[[Y]], %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @sum_with_negated(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.negate %x : tensor<3xf32>
  %r = stablehlo.add %0, %y : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// x - (-y)
// CHECK-LABEL: func.func @sum_with_negated
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.add %[[X]], %[[Y]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @sum_with_negated(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.negate %y : tensor<3xi8>
  %r = stablehlo.subtract %x, %0 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @product_of_negated
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.divide %[[X]], %[[Y]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @product_of_negated(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.negate %x : tensor<3xf32>
  %1 = stablehlo.negate %y : tensor<3xf32>
  %r = stablehlo.divide %0, %1 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @square_of_abs
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.multiply %[[X]], %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @square_of_abs(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.abs %x : tensor<3xf32>
  %r = stablehlo.multiply %0, %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @zero_minus
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @zero_minus(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-0.0> : tensor<3xf32>
  %r = stablehlo.subtract %c, %x : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @times_minus_one
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @times_minus_one(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-1.0> : tensor<3xf32>
  %r = stablehlo.multiply %x, %c : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @abs_of_nonnegative
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.multiply %[[X]], %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @abs_of_nonnegative(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.multiply %x, %x : tensor<3xf32>
  %r = stablehlo.abs %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @relu_of_nonnegative
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.abs %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @relu_of_nonnegative(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %0 = stablehlo.abs %x : tensor<3xf32>
  %r = stablehlo.maximum %0, %c : tensor<3xf32>
  return %r : tensor<3xf32>
}
