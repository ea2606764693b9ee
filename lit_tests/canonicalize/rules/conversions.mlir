// Conversions: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @truncation_of_truncation
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.convert %[[X]] : (tensor<3xi64>) -> tensor<3xi8>
// CHECK-NEXT: return %[[R0]] : tensor<3xi8>
func.func @truncation_of_truncation(%x: tensor<3xi64>) -> tensor<3xi8> {
  %0 = stablehlo.convert %x : (tensor<3xi64>) -> tensor<3xi32>
  %r = stablehlo.convert %0 : (tensor<3xi32>) -> tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @product_of_bools
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[Q:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.and %[[P]], %[[Q]] : tensor<3xi1>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.convert %[[R0]] : (tensor<3xi1>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @product_of_bools(%p: tensor<3xi1>, %q: tensor<3xi1>) -> tensor<3xf32> {
  %0 = stablehlo.convert %p : (tensor<3xi1>) -> tensor<3xf32>
  %1 = stablehlo.convert %q : (tensor<3xi1>) -> tensor<3xf32>
  %r = stablehlo.multiply %0, %1 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @full_precision
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xbf16>
func.func @full_precision(%x: tensor<3xbf16>) -> tensor<3xbf16> {
  %r = stablehlo.reduce_precision %x, format = e8m10 : tensor<3xbf16>
  return %r : tensor<3xbf16>
}

// -----

// CHECK-LABEL: func.func @full_precision
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reduce_precision %[[X]], format = e5m7 : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @full_precision(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.reduce_precision %x, format = e5m7 : tensor<3xf32>
  %r = stablehlo.reduce_precision %0, format = e8m10 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @parts_of_real
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xf32>
func.func @parts_of_real(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.convert %x : (tensor<3xf32>) -> tensor<3xcomplex<f32>>
  %1 = stablehlo.real %0 : (tensor<3xcomplex<f32>>) -> tensor<3xf32>
  %2 = stablehlo.imag %0 : (tensor<3xcomplex<f32>>) -> tensor<3xf32>
  %r = stablehlo.subtract %1, %2 : tensor<3xf32>
  return %r : tensor<3xf32>
}
