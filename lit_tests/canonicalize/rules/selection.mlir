// Comparisons and selects: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// NaN is neither less nor greater than itself.
// CHECK-LABEL: func.func @compare_with_self
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<false> : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_with_self(%x: tensor<3xf32>) -> tensor<3xi1> {
  %r = stablehlo.compare LT, %x, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_by_range
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<true> : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_by_range(%x: tensor<3xui8>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<0> : tensor<3xui8>
  %r = stablehlo.compare GE, %x, %c : (tensor<3xui8>, tensor<3xui8>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_converted_bool
// CHECK-SAME: %[[P:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.not %[[P]] : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_converted_bool(%p: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %0 = stablehlo.convert %p : (tensor<3xi1>) -> tensor<3xf32>
  %r = stablehlo.compare EQ, %0, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_offset
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<56> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.compare EQ, %[[X]], %[[R0]] : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R1]] : tensor<3xi1>
func.func @compare_offset(%x: tensor<3xi8>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<100> : tensor<3xi8>
  %d = stablehlo.constant dense<-100> : tensor<3xi8>
  %0 = stablehlo.add %x, %c : tensor<3xi8>
  %r = stablehlo.compare EQ, %0, %d : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @select_of_select
// CHECK-SAME: %[[P:.+]]: {{.*}}%[[X:.+]]: {{.*}}%[[Y:.+]]: {{.*}}%[[Z:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.select %[[P]], %[[Z]], %[[Y]] : tensor<3xi1>, tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @select_of_select(%p: tensor<3xi1>, %x: tensor<3xf32>, %y: tensor<3xf32>, %z: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.select %p, %x, %y : tensor<3xi1>, tensor<3xf32>
  %r = stablehlo.select %p, %z, %0 : tensor<3xi1>, tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @select_by_repeated_bool
// CHECK-SAME: %[[P:.+]]: {{.*}}%[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.select %[[P]], %[[X]], %[[Y]] : tensor<i1>, tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @select_by_repeated_bool(%p: tensor<i1>, %x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.broadcast_in_dim %p, dims = [] : (tensor<i1>) -> tensor<3xi1>
  %r = stablehlo.select %0, %x, %y : tensor<3xi1>, tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @select_of_repeated_not
// CHECK-SAME: %[[P:.+]]: {{.*}}%[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[P]], dims = [1] : (tensor<3xi1>) -> tensor<2x3xi1>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.select %[[R0]], %[[Y]], %[[X]] : tensor<2x3xi1>, tensor<2x3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<2x3xf32>
func.func @select_of_repeated_not(%p: tensor<3xi1>, %x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.not %p : tensor<3xi1>
  %1 = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<3xi1>) -> tensor<2x3xi1>
  %r = stablehlo.select %1, %x, %y : tensor<2x3xi1>, tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @select_as_logic
// CHECK-SAME: %[[P:.+]]: {{.*}}%[[Q:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.or %[[P]], %[[Q]] : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @select_as_logic(%p: tensor<3xi1>, %q: tensor<3xi1>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<true> : tensor<3xi1>
  %r = stablehlo.select %p, %c, %q : tensor<3xi1>, tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @select_of_one_and_zero
// CHECK-SAME: %[[P:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.convert %[[P]] : (tensor<3xi1>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @select_of_one_and_zero(%p: tensor<3xi1>) -> tensor<3xf32> {
  %one = stablehlo.constant dense<1.0> : tensor<3xf32>
  %zero = stablehlo.constant dense<0.0> : tensor<3xf32>
  %r = stablehlo.select %p, %one, %zero : tensor<3xi1>, tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @select_equal
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: return %[[Y]] : tensor<3xi8>
func.func @select_equal(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.compare EQ, %x, %y : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  %r = stablehlo.select %0, %x, %y : tensor<3xi1>, tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @select_greater
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.maximum %[[X]], %[[Y]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @select_greater(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.compare LT, %x, %y : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  %r = stablehlo.select %0, %y, %x : tensor<3xi1>, tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @function_of_known_arms
// CHECK-SAME: %[[P:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2.000000e+00> : tensor<3xf16>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<3.000000e+00> : tensor<3xf16>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.select %[[P]], %[[R0]], %[[R1]] : tensor<3xi1>, tensor<3xf16>
// CHECK-NEXT: return %[[R2]] : tensor<3xf16>
func.func @function_of_known_arms(%p: tensor<3xi1>) -> tensor<3xf16> {
  %c = stablehlo.constant dense<2.0> : tensor<3xf32>
  %d = stablehlo.constant dense<3.0> : tensor<3xf32>
  %0 = stablehlo.select %p, %c, %d : tensor<3xi1>, tensor<3xf32>
  %r = stablehlo.convert %0 : (tensor<3xf32>) -> tensor<3xf16>
  return %r : tensor<3xf16>
}

// -----

// CHECK-LABEL: func.func @select_of_itself
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.and %[[P]], %[[X]] : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @select_of_itself(%p: tensor<3xi1>, %x: tensor<3xi1>) -> tensor<3xi1> {
  %r = stablehlo.select %p, %x, %p : tensor<3xi1>, tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @select_of_negated
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.abs %[[X]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @select_of_negated(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<0> : tensor<3xi8>
  %0 = stablehlo.negate %x : tensor<3xi8>
  %1 = stablehlo.compare LT, %x, %c : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  %r = stablehlo.select %1, %0, %x : tensor<3xi1>, tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @select_of_functions
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:{{.*}}%[[Y:.+]]:{{.*}}%[[Z:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.select %[[P]], %[[X]], %[[Y]] : tensor<3xi1>, tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.add %[[R0]], %[[Z]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @select_of_functions(%p: tensor<3xi1>, %x: tensor<3xf32>, %y: tensor<3xf32>, %z: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.add %x, %z : tensor<3xf32>
  %1 = stablehlo.add %y, %z : tensor<3xf32>
  %r = stablehlo.select %p, %0, %1 : tensor<3xi1>, tensor<3xf32>
  return %r : tensor<3xf32>
}
