// Dynamic slices and updates: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @update_by_own_slice
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[I:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xf32>
func.func @update_by_own_slice(%x: tensor<3xf32>, %i: tensor<i32>) -> tensor<3xf32> {
  %0 = stablehlo.dynamic_slice %x, %i, sizes = [2] : (tensor<3xf32>, tensor<i32>) -> tensor<2xf32>
  %r = stablehlo.dynamic_update_slice %x, %0, %i : (tensor<3xf32>, tensor<2xf32>, tensor<i32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @update_by_own_slice
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xf32>
func.func @update_by_own_slice(%x: tensor<3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<7> : tensor<i32>
  %0 = stablehlo.slice %x [1:3] : (tensor<3xf32>) -> tensor<2xf32>
  %r = stablehlo.dynamic_update_slice %x, %0, %c : (tensor<3xf32>, tensor<2xf32>, tensor<i32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @update_of_repeated_element
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<1.500000e+00> : tensor<f32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.pad %[[X]], %[[R0]], low = [2], high = [1], interior = [0] : (tensor<2xf32>, tensor<f32>) -> tensor<5xf32>
// CHECK-NEXT: return %[[R1]] : tensor<5xf32>
func.func @update_of_repeated_element(%x: tensor<2xf32>) -> tensor<5xf32> {
  %0 = stablehlo.constant dense<1.5> : tensor<5xf32>
  %c = stablehlo.constant dense<2> : tensor<i32>
  %r = stablehlo.dynamic_update_slice %0, %x, %c : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_known_update
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[Y]] [1:3] : (tensor<3xf32>) -> tensor<2xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.slice %[[X]] [0:2] : (tensor<6xf32>) -> tensor<2xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.subtract %[[R0]], %[[R1]] : tensor<2xf32>
// CHECK-NEXT: return %[[R2]] : tensor<2xf32>
func.func @slice_of_known_update(%x: tensor<6xf32>, %y: tensor<3xf32>) -> tensor<2xf32> {
  %c = stablehlo.constant dense<2> : tensor<i32>
  %0 = stablehlo.dynamic_update_slice %x, %y, %c : (tensor<6xf32>, tensor<3xf32>, tensor<i32>) -> tensor<6xf32>
  %1 = stablehlo.slice %0 [3:5] : (tensor<6xf32>) -> tensor<2xf32>
  %2 = stablehlo.slice %0 [0:2] : (tensor<6xf32>) -> tensor<2xf32>
  %r = stablehlo.subtract %1, %2 : tensor<2xf32>
  return %r : tensor<2xf32>
}
