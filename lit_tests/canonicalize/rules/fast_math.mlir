// What floats keep only under stated assumptions: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize='fast-math=nnan,nsz,reassoc' | filecheck %s

// CHECK-LABEL: func.func @add_zero
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xf32>
func.func @add_zero(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %r = stablehlo.add %x, %c : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @times_zero
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @times_zero(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %r = stablehlo.multiply %x, %c : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @zero_minus_float
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @zero_minus_float(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3xf32>
  %r = stablehlo.subtract %c, %x : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @minus_itself
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @minus_itself(%x: tensor<3xf32>) -> tensor<3xf32> {
  %r = stablehlo.subtract %x, %x : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @over_itself
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<1.000000e+00> : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @over_itself(%x: tensor<3xf32>) -> tensor<3xf32> {
  %r = stablehlo.divide %x, %x : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @equals_itself
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<true> : tensor<3xi1>
// CHECK-NEXT: return %[[R0]] : tensor<3xi1>
func.func @equals_itself(%x: tensor<3xf32>) -> tensor<3xi1> {
  %r = stablehlo.compare EQ, %x, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
  return %r : tensor<3xi1>
}

// -----

// CHECK-LABEL: func.func @regroup_constants
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<6.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.multiply %[[X]], %[[R0]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @regroup_constants(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<2.0> : tensor<3xf32>
  %d = stablehlo.constant dense<3.0> : tensor<3xf32>
  %0 = stablehlo.multiply %x, %c : tensor<3xf32>
  %r = stablehlo.multiply %0, %d : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @float_dot_with_identity
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3x2xf32>
func.func @float_dot_with_identity(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = stablehlo.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
  %r = stablehlo.dot_general %x, %c, contracting_dims = [1] x [0] : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @float_product_with_zero
// CHECK: %[[R0:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<2x4xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2x4xf32>
func.func @float_product_with_zero(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<3x4xf32>
  %r = stablehlo.dot_general %x, %c, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}
