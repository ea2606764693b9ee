// Comparisons: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @compare_difference
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.compare EQ, %[[X]], %[[Y]] : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_difference(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<0> : tensor<3xi8>
  %0 = stablehlo.subtract %x, %y : tensor<3xi8>
  %r = stablehlo.compare EQ, %0, %c : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_offset
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-2> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.compare NE, %[[X]], %[[R0]] : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R1]] : tensor<3xi1>
func.func @compare_offset(%x: tensor<3xi8>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<3> : tensor<3xi8>
  %d = stablehlo.constant dense<5> : tensor<3xi8>
  %0 = stablehlo.subtract %c, %x : tensor<3xi8>
  %r = stablehlo.compare NE, %0, %d : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_negated
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-2.500000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.compare LE, %[[X]], %[[R0]] : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R1]] : tensor<3xi1>
func.func @compare_negated(%x: tensor<3xf32>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<2.5> : tensor<3xf32>
  %0 = stablehlo.negate %x : tensor<3xf32>
  %r = stablehlo.compare GE, %0, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_widened
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2.500000e+00> : tensor<3xbf16>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.compare LT, %[[X]], %[[R0]], FLOAT : (tensor<3xbf16>, tensor<3xbf16>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R1]] : tensor<3xi1>
func.func @compare_widened(%x: tensor<3xbf16>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<2.5> : tensor<3xf32>
  %0 = stablehlo.convert %x : (tensor<3xbf16>) -> tensor<3xf32>
  %r = stablehlo.compare LT, %0, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_widened
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.compare LT, %[[X]], %[[Y]], SIGNED : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_widened(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi1> {
  %0 = stablehlo.convert %x : (tensor<3xi8>) -> tensor<3xi32>
  %1 = stablehlo.convert %y : (tensor<3xi8>) -> tensor<3xi32>
  %r = stablehlo.compare LT, %0, %1 : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_nonnegative
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<false> : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_nonnegative(%x: tensor<3xf32>) -> tensor<3xi1> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %0 = stablehlo.abs %x : tensor<3xf32>
  %r = stablehlo.compare LT, %0, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// NaN is neither less than another number, nor equal to it, nor greater.
// CHECK-LABEL: func.func @joined_comparisons
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.compare LT, %[[X]], %[[Y]] : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.compare LT, %[[Y]], %[[X]] : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.or %[[R0]], %[[R1]] : tensor<3xi1>
// CHECK-NEXT: %[[R3:.+]] = stablehlo.compare EQ, %[[X]], %[[Y]] : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// CHECK-NEXT: %[[R4:.+]] = stablehlo.compare EQ, %[[X]], %[[Y]] : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// CHECK-NEXT: %[[R5:.+]] = stablehlo.select %[[R2]], %[[R4]], %[[R3]] : tensor<3xi1>, tensor<3xi1>
// CHECK-NEXT: return %[[R5]] : tensor<3xi1>
func.func @joined_comparisons(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xi1> {
  %0 = stablehlo.compare LT, %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %1 = stablehlo.compare LT, %y, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %2 = stablehlo.or %0, %1 : tensor<3xi1>
  %3 = stablehlo.compare EQ, %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %4 = stablehlo.compare LE, %x, %y : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  %5 = stablehlo.and %3, %4 : tensor<3xi1>
  %r = stablehlo.select %2, %5, %3 : tensor<3xi1>, tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @joined_comparisons
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.compare GT, %[[X]], %[[Y]] : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @joined_comparisons(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi1> {
  %0 = stablehlo.compare LT, %x, %y : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  %1 = stablehlo.compare NE, %x, %y : (tensor<3xi8>, tensor<3xi8>) -> tensor<3xi1>
  %r = stablehlo.xor %0, %1 : tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @compare_by_range
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<true> : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @compare_by_range(%x: tensor<3xi8>) -> tensor<3xi1> {
  %0 = stablehlo.convert %x : (tensor<3xi8>) -> tensor<3xi32>
  %c = stablehlo.constant dense<128> : tensor<3xi32>
  %r = stablehlo.compare LT, %0, %c : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// An index that counts is never negative.
// CHECK-LABEL: func.func @compare_by_range
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 0 : tensor<3xi32>
// CHECK-NEXT: return %[[R0]] : tensor<3xi32>
func.func @compare_by_range() -> tensor<3xi32> {
  %0 = stablehlo.iota dim = 0 : tensor<3xi32>
  %c = stablehlo.constant dense<0> : tensor<3xi32>
  %n = stablehlo.constant dense<3> : tensor<3xi32>
  %1 = stablehlo.compare LT, %0, %c : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi1>
  %2 = stablehlo.add %0, %n : tensor<3xi32>
  %r = stablehlo.select %1, %2, %0 : tensor<3xi1>, tensor<3xi32>
  return %r : tensor<3xi32>
}

// -----

// CHECK-LABEL: func.func @operand_by_range
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 0 : tensor<3xi32>
// CHECK-NEXT: return %[[R0]] : tensor<3xi32>
func.func @operand_by_range() -> tensor<3xi32> {
  %0 = stablehlo.iota dim = 0 : tensor<3xi32>
  %n = stablehlo.constant dense<3> : tensor<3xi32>
  %r = stablehlo.remainder %0, %n : tensor<3xi32>
  return %r : tensor<3xi32>
}

// -----

// CHECK-LABEL: func.func @operand_by_range
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.convert %[[X]] : (tensor<3xui8>) -> tensor<3xi32>
// CHECK-NEXT: return %[[R0]] : tensor<3xi32>
func.func @operand_by_range(%x: tensor<3xui8>) -> tensor<3xi32> {
  %0 = stablehlo.convert %x : (tensor<3xui8>) -> tensor<3xi32>
  %c = stablehlo.constant dense<255> : tensor<3xi32>
  %r = stablehlo.and %0, %c : tensor<3xi32>
  return %r : tensor<3xi32>
}
