// Bitwise logic: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @logic_of_complements
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.or %[[X]], %[[Y]] : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.not %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @logic_of_complements(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.not %x : tensor<3xi8>
  %1 = stablehlo.not %y : tensor<3xi8>
  %r = stablehlo.and %0, %1 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @logic_of_complements
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.xor %[[X]], %[[Y]] : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @logic_of_complements(%x: tensor<3xi1>, %y: tensor<3xi1>) -> tensor<3xi1> {
  %0 = stablehlo.not %x : tensor<3xi1>
  %1 = stablehlo.not %y : tensor<3xi1>
  %r = stablehlo.xor %0, %1 : tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @xor_twice
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xi8>
func.func @xor_twice(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.xor %x, %y : tensor<3xi8>
  %r = stablehlo.xor %y, %0 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @xor_with_ones
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.not %[[X]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @xor_with_ones(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<-1> : tensor<3xi8>
  %r = stablehlo.xor %x, %c : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @absorbed_complement
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.and %[[X]], %[[Y]] : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @absorbed_complement(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.not %x : tensor<3xi8>
  %1 = stablehlo.or %0, %y : tensor<3xi8>
  %r = stablehlo.and %x, %1 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @shared_operand
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:{{.*}}%[[Z:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.xor %[[Y]], %[[Z]] : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.and %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @shared_operand(%x: tensor<3xi8>, %y: tensor<3xi8>, %z: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.and %x, %y : tensor<3xi8>
  %1 = stablehlo.and %z, %x : tensor<3xi8>
  %r = stablehlo.xor %0, %1 : tensor<3xi8>
  return %r : tensor<3xi8>
}
