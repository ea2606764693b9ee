// Sizes known at run time only: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @dynamic_broadcast_of_broadcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<[2, 3, 4]> : tensor<3xi32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.dynamic_broadcast_in_dim %[[X]], %[[R0]], dims = [1] : (tensor<3xf32>, tensor<3xi32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: return %[[R1]] : tensor<2x3x4xf32>
func.func @dynamic_broadcast_of_broadcast(%x: tensor<3xf32>) -> tensor<2x3x4xf32> {
  %s = stablehlo.constant dense<[2,3,1]> : tensor<3xi32>
  %t = stablehlo.constant dense<[2,3,4]> : tensor<3xi32>
  %0 = stablehlo.dynamic_broadcast_in_dim %x, %s, dims = [1] : (tensor<3xf32>, tensor<3xi32>) -> tensor<2x3x1xf32>
  %r = stablehlo.dynamic_broadcast_in_dim %0, %t, dims = [0, 1, 2] : (tensor<2x3x1xf32>, tensor<3xi32>) -> tensor<2x3x4xf32>
  return %r : tensor<2x3x4xf32>
}

// -----

// CHECK-LABEL: func.func @dynamic_reshape_of_reshape
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<[3, 2]> : tensor<2xi32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.dynamic_reshape %[[X]], %[[R0]] : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<3x2xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3x2xf32>
func.func @dynamic_reshape_of_reshape(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %s = stablehlo.constant dense<[6]> : tensor<1xi32>
  %t = stablehlo.constant dense<[3,2]> : tensor<2xi32>
  %0 = stablehlo.dynamic_reshape %x, %s : (tensor<2x3xf32>, tensor<1xi32>) -> tensor<6xf32>
  %r = stablehlo.dynamic_reshape %0, %t : (tensor<6xf32>, tensor<2xi32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @to_own_shape
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<2x3xf32>
func.func @to_own_shape(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %s = stablehlo.constant dense<[2,3]> : tensor<2xi32>
  %r = stablehlo.dynamic_reshape %x, %s : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @neutral_element
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<3xf32>
func.func @neutral_element(%x: tensor<3xf32>) -> tensor<3xf32> {
  %s = stablehlo.constant dense<[3]> : tensor<1xi32>
  %c = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.dynamic_broadcast_in_dim %c, %s, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<3xf32>
  %r = stablehlo.maximum %0, %x : tensor<3xf32>
  return %r : tensor<3xf32>
}
