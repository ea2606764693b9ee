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

// -----

// CHECK-LABEL: func.func @rounding_of_whole
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.ceil %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @rounding_of_whole(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.ceil %x : tensor<3xf32>
  %r = stablehlo.floor %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @rounding_of_whole
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.convert %[[X]] : (tensor<3xi32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @rounding_of_whole(%x: tensor<3xi32>) -> tensor<3xf32> {
  %0 = stablehlo.convert %x : (tensor<3xi32>) -> tensor<3xf32>
  %r = stablehlo.round_nearest_even %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @is_finite_of_same_size
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.is_finite %[[X]] : (tensor<3xf32>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @is_finite_of_same_size(%x: tensor<3xf32>) -> tensor<3xi1> {
  %0 = stablehlo.negate %x : tensor<3xf32>
  %r = stablehlo.is_finite %0 : (tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @is_finite_of_integer
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<true> : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @is_finite_of_integer(%x: tensor<3xi32>) -> tensor<3xi1> {
  %0 = stablehlo.convert %x : (tensor<3xi32>) -> tensor<3xf32>
  %r = stablehlo.is_finite %0 : (tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @negated_by_constant
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-2.500000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.divide %[[R0]], %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @negated_by_constant(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<2.5> : tensor<3xf32>
  %0 = stablehlo.negate %x : tensor<3xf32>
  %r = stablehlo.divide %c, %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @negated_product
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.multiply %[[X]], %[[Y]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @negated_product(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.negate %x : tensor<3xf32>
  %1 = stablehlo.multiply %0, %y : tensor<3xf32>
  %r = stablehlo.negate %1 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @negated_product
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-2.500000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.divide %[[R0]], %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @negated_product(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<2.5> : tensor<3xf32>
  %0 = stablehlo.divide %c, %x : tensor<3xf32>
  %r = stablehlo.negate %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @max_of_negated
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.abs %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @max_of_negated(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.negate %x : tensor<3xf32>
  %r = stablehlo.maximum %0, %x : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @product_of_abs
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.divide %[[X]], %[[Y]] : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.abs %[[R0]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @product_of_abs(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.abs %x : tensor<3xf32>
  %1 = stablehlo.abs %y : tensor<3xf32>
  %r = stablehlo.divide %0, %1 : tensor<3xf32>
  return %r : tensor<3xf32>
}
