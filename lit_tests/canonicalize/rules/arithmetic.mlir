// Identities of arithmetic: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @repeated_operand
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.maximum %[[X]], %[[Y]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @repeated_operand(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.maximum %x, %y : tensor<3xf32>
  %r = stablehlo.maximum %x, %0 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @absorption
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xi8>
func.func @absorption(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.minimum %y, %x : tensor<3xi8>
  %r = stablehlo.maximum %x, %0 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @complement
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-1> : tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @complement(%x: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.not %x : tensor<3xi8>
  %r = stablehlo.xor %0, %x : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @cancelled_sum
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: return %[[Y]] : tensor<3xi8>
func.func @cancelled_sum(%x: tensor<3xi8>, %y: tensor<3xi8>) -> tensor<3xi8> {
  %0 = stablehlo.subtract %x, %y : tensor<3xi8>
  %r = stablehlo.subtract %x, %0 : tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @remainder_of_one
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<3xui8>
// CHECK-NEXT: return %[[R0]] : tensor<3xui8>
func.func @remainder_of_one(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<1> : tensor<3xui8>
  %r = stablehlo.remainder %x, %c : tensor<3xui8>
  return %r : tensor<3xui8>
}

// -----

// CHECK-LABEL: func.func @open_clamp
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xf32>
func.func @open_clamp(%x: tensor<3xf32>) -> tensor<3xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %high = stablehlo.constant dense<0x7F800000> : tensor<f32>
  %r = stablehlo.clamp %low, %x, %high : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @clamp_of_clamp
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[LOW:.+]]: {{.*}}%[[HIGH:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.clamp %[[LOW]], %[[X]], %[[HIGH]] : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @clamp_of_clamp(%x: tensor<3xf32>, %low: tensor<f32>, %high: tensor<f32>) -> tensor<3xf32> {
  %0 = stablehlo.clamp %low, %x, %high : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  %r = stablehlo.clamp %low, %0, %high : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @clamp_of_bounds
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<6.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.clamp %[[R0]], %[[X]], %[[R1]] : tensor<3xf32>
// CHECK-NEXT: return %[[R2]] : tensor<3xf32>
func.func @clamp_of_bounds(%x: tensor<3xf32>) -> tensor<3xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<3xf32>
  %six = stablehlo.constant dense<6.0> : tensor<3xf32>
  %0 = stablehlo.maximum %x, %zero : tensor<3xf32>
  %r = stablehlo.minimum %0, %six : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// Maxima of floats may be regrouped.
// CHECK-LABEL: func.func @associate_constants
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<1.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.maximum %[[X]], %[[R0]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @associate_constants(%x: tensor<3xf32>) -> tensor<3xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<3xf32>
  %one = stablehlo.constant dense<1.0> : tensor<3xf32>
  %0 = stablehlo.maximum %x, %zero : tensor<3xf32>
  %r = stablehlo.maximum %0, %one : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// A rectifier of a rectifier.
// CHECK-LABEL: func.func @repeated_operand
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.maximum %[[X]], %[[R0]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @repeated_operand(%x: tensor<3xf32>) -> tensor<3xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<3xf32>
  %0 = stablehlo.maximum %x, %zero : tensor<3xf32>
  %r = stablehlo.maximum %0, %zero : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// The lowest number is neutral to a maximum.
// CHECK-LABEL: func.func @neutral_element
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xbf16>
func.func @neutral_element(%x: tensor<3xbf16>) -> tensor<3xbf16> {
  %c = stablehlo.constant dense<0xFF80> : tensor<3xbf16>
  %r = stablehlo.maximum %x, %c : tensor<3xbf16>
  return %r : tensor<3xbf16>
}

// -----

// The largest number absorbs a maximum of integers.
// CHECK-LABEL: func.func @absorbing_element
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<255> : tensor<3xui8>
// CHECK-NEXT: return %[[R0]] : tensor<3xui8>
func.func @absorbing_element(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<255> : tensor<3xui8>
  %r = stablehlo.maximum %x, %c : tensor<3xui8>
  return %r : tensor<3xui8>
}

// -----

// CHECK-LABEL: func.func @logic_of_bools
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.or %[[X]], %[[Y]] : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @logic_of_bools(%x: tensor<3xi1>, %y: tensor<3xi1>) -> tensor<3xi1> {
  %r = stablehlo.add %x, %y : tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// A clamp of a maximum takes its bound in.
// CHECK-LABEL: func.func @bound_of_clamp
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<3.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.clamp %[[R0]], %[[X]], %[[R1]] : tensor<3xf32>
// CHECK-NEXT: return %[[R2]] : tensor<3xf32>
func.func @bound_of_clamp(%x: tensor<3xf32>) -> tensor<3xf32> {
  %a = stablehlo.constant dense<-1.0> : tensor<3xf32>
  %b = stablehlo.constant dense<2.0> : tensor<3xf32>
  %c = stablehlo.constant dense<3.0> : tensor<3xf32>
  %0 = stablehlo.maximum %x, %a : tensor<3xf32>
  %r = stablehlo.clamp %b, %0, %c : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @bound_of_clamp
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<-1> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<2> : tensor<3xi8>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.clamp %[[R0]], %[[X]], %[[R1]] : tensor<3xi8>
// CHECK-NEXT: return %[[R2]] : tensor<3xi8>
func.func @bound_of_clamp(%x: tensor<3xi8>) -> tensor<3xi8> {
  %a = stablehlo.constant dense<-1> : tensor<3xi8>
  %b = stablehlo.constant dense<4> : tensor<3xi8>
  %c = stablehlo.constant dense<2> : tensor<3xi8>
  %0 = stablehlo.clamp %a, %x, %b : tensor<3xi8>
  %r = stablehlo.minimum %0, %c : tensor<3xi8>
  return %r : tensor<3xi8>
}
