// Sums, products and shifts of integers: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @sum_with_constants
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-50> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.add %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @sum_with_constants(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<100> : tensor<3xi8>
  %b = stablehlo.constant dense<50> : tensor<3xi8>
  %0 = stablehlo.subtract %a, %x : tensor<3xi8>
  %r = stablehlo.subtract %b, %0 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// ~x is -x - 1.
// CHECK-LABEL: func.func @sum_with_constants
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.subtract %[[R0]], %[[X]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @sum_with_constants(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<3> : tensor<3xi8>
  %0 = stablehlo.not %x : tensor<3xi8>
  %r = stablehlo.add %0, %a : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @minus_one_minus
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.not %[[X]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @minus_one_minus(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<-1> : tensor<3xi8>
  %r = stablehlo.subtract %a, %x : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @cancelled_sum
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:{{.*}}%[[Z:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.subtract %[[Y]], %[[Z]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @cancelled_sum(%x: tensor<3xi8>, %y: tensor<3xi8>, %z: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.add %x, %y : tensor<3xi8>
  %1 = stablehlo.add %z, %x : tensor<3xi8>
  %r = stablehlo.subtract %0, %1 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @cancelled_sum
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.negate %[[Y]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @cancelled_sum(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.subtract %x, %y : tensor<3xi8>
  %r = stablehlo.subtract %0, %x : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @negated_difference
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.subtract %[[Y]], %[[X]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @negated_difference(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.subtract %x, %y : tensor<3xi8>
  %r = stablehlo.negate %0 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @common_factor
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:{{.*}}%[[Z:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.subtract %[[Y]], %[[Z]] : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.multiply %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @common_factor(%x: tensor<3xi8>, %y: tensor<3xi8>, %z: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.multiply %x, %y : tensor<3xi8>
  %1 = stablehlo.multiply %z, %x : tensor<3xi8>
  %r = stablehlo.subtract %0, %1 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @common_factor
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<6> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.multiply %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @common_factor(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<5> : tensor<3xi8>
  %0 = stablehlo.multiply %x, %c : tensor<3xi8>
  %r = stablehlo.add %0, %x : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @shift_of_shift
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<5> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.shift_right_arithmetic %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @shift_of_shift(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<2> : tensor<3xi8>
  %b = stablehlo.constant dense<3> : tensor<3xi8>
  %0 = stablehlo.shift_right_arithmetic %x, %a : tensor<3xi8>
  %r = stablehlo.shift_right_arithmetic %0, %b : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @shift_out
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @shift_out(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<8> : tensor<3xi8>
  %r = stablehlo.shift_left %x, %a : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @shift_out
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<7> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.shift_right_arithmetic %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @shift_out(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<-3> : tensor<3xi8>
  %r = stablehlo.shift_right_arithmetic %x, %a : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @shift_and_back
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<31> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.and %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @shift_and_back(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<3> : tensor<3xi8>
  %0 = stablehlo.shift_left %x, %a : tensor<3xi8>
  %r = stablehlo.shift_right_logical %0, %a : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @shift_and_back
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-8> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.and %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @shift_and_back(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<3> : tensor<3xi8>
  %0 = stablehlo.shift_right_arithmetic %x, %a : tensor<3xi8>
  %r = stablehlo.shift_left %0, %a : tensor<3xi8>
  return %r : tensor<3xi8>
}
