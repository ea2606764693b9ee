// Products and convolutions: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @dot_of_transpose
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.dot_general %[[X]], %[[Y]], contracting_dims = [1] x [1] : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2x4xf32>
func.func @dot_of_transpose(%x: tensor<2x3xf32>, %y: tensor<4x3xf32>) -> tensor<2x4xf32> {
  %0 = stablehlo.transpose %y, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %r = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

// Heads come before rows in the product, whatever their order in the operands.
// CHECK-LABEL: func.func @dot_of_transpose
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.dot_general %[[X]], %[[Y]], batching_dims = [1] x [1], contracting_dims = [2] x [2] : (tensor<5x2x3xf32>, tensor<4x2x3xf32>) -> tensor<2x5x4xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2x5x4xf32>
func.func @dot_of_transpose(%x: tensor<5x2x3xf32>, %y: tensor<4x2x3xf32>) -> tensor<2x5x4xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<5x2x3xf32>) -> tensor<2x5x3xf32>
  %1 = stablehlo.transpose %y, dims = [1, 2, 0] : (tensor<4x2x3xf32>) -> tensor<2x3x4xf32>
  %r = stablehlo.dot_general %0, %1, batching_dims = [0] x [0], contracting_dims = [2] x [1] : (tensor<2x5x3xf32>, tensor<2x3x4xf32>) -> tensor<2x5x4xf32>
  return %r : tensor<2x5x4xf32>
}

// -----

// CHECK-LABEL: func.func @transpose_of_dot
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.dot_general %[[Y]], %[[X]], contracting_dims = [0] x [1], precision = [DEFAULT, HIGH] : (tensor<3x4xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<4x2xf32>
func.func @transpose_of_dot(%x: tensor<2x3xf32>, %y: tensor<3x4xf32>) -> tensor<4x2xf32> {
  %0 = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0], precision = [HIGH, DEFAULT] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %r = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x4xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func.func @dot_with_identity
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<2x2xi32>
func.func @dot_with_identity(%x: tensor<2x2xi32>) -> tensor<2x2xi32> {
  %c = stablehlo.constant dense<[[1, 0], [0, 1]]> : tensor<2x2xi32>
  %r = stablehlo.dot_general %x, %c, contracting_dims = [1] x [1] : (tensor<2x2xi32>, tensor<2x2xi32>) -> tensor<2x2xi32>
  return %r : tensor<2x2xi32>
}

// -----

// CHECK-LABEL: func.func @dot_with_zero
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<2x4xi32>
// CHECK-NEXT: return %[[R0]] : tensor<2x4xi32>
func.func @dot_with_zero(%x: tensor<2x3xi32>) -> tensor<2x4xi32> {
  %c = stablehlo.constant dense<0> : tensor<3x4xi32>
  %r = stablehlo.dot_general %x, %c, contracting_dims = [1] x [0] : (tensor<2x3xi32>, tensor<3x4xi32>) -> tensor<2x4xi32>
  return %r : tensor<2x4xi32>
}

// -----

// CHECK-LABEL: func.func @pad_into_convolution
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[W:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.convolution(%[[X]], %[[W]]) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {pad = [[2, 2]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x1x4xf32>, tensor<1x1x3xf32>) -> tensor<1x1x6xf32>
// CHECK-NEXT: return %[[R0]] : tensor<1x1x6xf32>
func.func @pad_into_convolution(%x: tensor<1x1x4xf32>, %w: tensor<1x1x3xf32>) -> tensor<1x1x6xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.pad %x, %c, low = [0, 0, 1], high = [0, 0, 2], interior = [0, 0, 0] : (tensor<1x1x4xf32>, tensor<f32>) -> tensor<1x1x7xf32>
  %r = stablehlo.convolution(%0, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0], window = {pad = [[1, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x1x7xf32>, tensor<1x1x3xf32>) -> tensor<1x1x6xf32>
  return %r : tensor<1x1x6xf32>
}

// -----

// CHECK-LABEL: func.func @reverse_into_convolution
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[W:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.convolution(%[[X]], %[[W]]) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {reverse = [true]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x6x1xf32>, tensor<3x1x1xf32>) -> tensor<1x4x1xf32>
// CHECK-NEXT: return %[[R0]] : tensor<1x4x1xf32>
func.func @reverse_into_convolution(%x: tensor<1x6x1xf32>, %w: tensor<3x1x1xf32>) -> tensor<1x4x1xf32> {
  %0 = stablehlo.reverse %w, dims = [0] : tensor<3x1x1xf32>
  %r = stablehlo.convolution(%x, %0) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {} {batch_group_count = 1 : i64, feature_group_count = 1 : i64} : (tensor<1x6x1xf32>, tensor<3x1x1xf32>) -> tensor<1x4x1xf32>
  return %r : tensor<1x4x1xf32>
}
