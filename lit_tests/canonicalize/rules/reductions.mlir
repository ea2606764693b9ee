// Reductions and sorts: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @reduce_of_unit_dimensions
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reshape %[[X]] : (tensor<1x3xf32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @reduce_of_unit_dimensions(%x: tensor<1x3xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<-0.0> : tensor<f32>
  %r = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [0] : (tensor<1x3xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @reduce_of_nothing
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[V]], dims = [] : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @reduce_of_nothing(%x: tensor<0x3xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %r = stablehlo.reduce(%x init: %v) applies stablehlo.add across dimensions = [0] : (tensor<0x3xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @reduce_of_reduce
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reduce(%[[X]] init: %[[V]]) applies stablehlo.maximum across dimensions = [0, 2] : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @reduce_of_reduce(%x: tensor<2x3x4xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %c) applies stablehlo.maximum across dimensions = [0] : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  %r = stablehlo.reduce(%0 init: %v) applies stablehlo.maximum across dimensions = [1] : (tensor<3x4xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @reduce_of_broadcast
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reduce(%[[X]] init: %[[V]]) applies stablehlo.maximum across dimensions = [1] : (tensor<3x4xf32>, tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @reduce_of_broadcast(%x: tensor<3x4xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [1, 2] : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %r = stablehlo.reduce(%0 init: %v) applies stablehlo.maximum across dimensions = [0, 2] : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// Eight copies of an integer.
// CHECK-LABEL: func.func @reduce_of_broadcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<8> : tensor<3xi8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.multiply %[[X]], %[[R0]] : tensor<3xi8>
// CHECK-NEXT: return %[[R1]] : tensor<3xi8>
func.func @reduce_of_broadcast(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<0> : tensor<i8>
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xi8>) -> tensor<8x3xi8>
  %r = stablehlo.reduce(%0 init: %c) applies stablehlo.add across dimensions = [0] : (tensor<8x3xi8>, tensor<i8>) -> tensor<3xi8>
  return %r : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @reduce_of_transpose
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reduce(%[[X]] init: %[[V]]) applies stablehlo.add across dimensions = [1] : (tensor<2x3x4xi32>, tensor<i32>) -> tensor<2x4xi32>
// CHECK-NEXT: return %[[R0]] : tensor<2x4xi32>
func.func @reduce_of_transpose(%x: tensor<2x3x4xi32>, %v: tensor<i32>) -> tensor<2x4xi32> {
  %0 = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<2x3x4xi32>) -> tensor<3x2x4xi32>
  %r = stablehlo.reduce(%0 init: %v) applies stablehlo.add across dimensions = [0] : (tensor<3x2x4xi32>, tensor<i32>) -> tensor<2x4xi32>
  return %r : tensor<2x4xi32>
}

// -----

// CHECK-LABEL: func.func @pad_into_window
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.reduce_window"(%[[X]], %[[V]]) <{padding = dense<[[1, 2]]> : tensor<1x2xi64>, window_dimensions = array<i64: 3>}> ({
// CHECK-NEXT: ^bb0(%{{.+}}: tensor<f32>, %{{.+}}: tensor<f32>):
// CHECK-NEXT: %[[R1:.+]] = stablehlo.maximum %{{.+}}, %{{.+}} : tensor<f32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<f32>
// CHECK-NEXT: }) : (tensor<4xf32>, tensor<f32>) -> tensor<5xf32>
// CHECK-NEXT: return %[[R0]] : tensor<5xf32>
func.func @pad_into_window(%x: tensor<4xf32>, %v: tensor<f32>) -> tensor<5xf32> {
  %0 = stablehlo.pad %x, %v, low = [1], high = [2], interior = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<7xf32>
  %r = "stablehlo.reduce_window"(%0, %v) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %m = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %m : tensor<f32>
  }) {window_dimensions = array<i64: 3>} : (tensor<7xf32>, tensor<f32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

// CHECK-LABEL: func.func @window_of_one
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<4xi32>
func.func @window_of_one(%x: tensor<4xi32>) -> tensor<4xi32> {
  %c = stablehlo.constant dense<0> : tensor<i32>
  %r = "stablehlo.reduce_window"(%x, %c) ({
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %s = stablehlo.add %a, %b : tensor<i32>
    stablehlo.return %s : tensor<i32>
  }) {window_dimensions = array<i64: 1>} : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  return %r : tensor<4xi32>
}

// -----

// CHECK-LABEL: func.func @sort_of_one
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<1x4xf32>
func.func @sort_of_one(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %r = "stablehlo.sort"(%x) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %l = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %l : tensor<i1>
  }) {dimension = 0 : i64} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}

// -----

// CHECK-LABEL: func.func @reduce_of_reshape
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<f32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.reduce(%[[X]] init: %[[R0]]) applies stablehlo.add across dimensions = [1] : (tensor<2x6xf32>, tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.reshape %[[R1]] : (tensor<2xf32>) -> tensor<2x1xf32>
// CHECK-NEXT: return %[[R2]] : tensor<2x1xf32>
func.func @reduce_of_reshape(%x: tensor<2x6xf32>) -> tensor<2x1xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reshape %x : (tensor<2x6xf32>) -> tensor<2x1x2x3xf32>
  %r = stablehlo.reduce(%0 init: %c) applies stablehlo.add across dimensions = [2, 3] : (tensor<2x1x2x3xf32>, tensor<f32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}

// -----

// CHECK-LABEL: func.func @reduce_of_padded
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<i8>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.reduce(%[[X]] init: %[[R0]]) applies stablehlo.add across dimensions = [1] : (tensor<2x3xi8>, tensor<i8>) -> tensor<2xi8>
// CHECK-NEXT: return %[[R1]] : tensor<2xi8>
func.func @reduce_of_padded(%x: tensor<2x3xi8>) -> tensor<2xi8> {
  %c = stablehlo.constant dense<0> : tensor<i8>
  %0 = stablehlo.pad %x, %c, low = [0, 1], high = [0, 2], interior = [0, 1] : (tensor<2x3xi8>, tensor<i8>) -> tensor<2x8xi8>
  %r = stablehlo.reduce(%0 init: %c) applies stablehlo.add across dimensions = [1] : (tensor<2x8xi8>, tensor<i8>) -> tensor<2xi8>
  return %r : tensor<2xi8>
}

// -----

// From +0, which -0 does not survive.
// CHECK-LABEL: func.func @reduce_of_unit_dimensions
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reshape %[[X]] : (tensor<3x1xf32>) -> tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<0.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.add %[[R0]], %[[R1]] : tensor<3xf32>
// CHECK-NEXT: return %[[R2]] : tensor<3xf32>
func.func @reduce_of_unit_dimensions(%x: tensor<3x1xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<f32>
  %r = stablehlo.reduce(%x init: %c) applies stablehlo.add across dimensions = [1] : (tensor<3x1xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @window_of_one
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [0:5:2] : (tensor<5xf32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @window_of_one(%x: tensor<5xf32>) -> tensor<3xf32> {
  %c = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %r = "stablehlo.reduce_window"(%x, %c) <{window_dimensions = array<i64: 1>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %m = stablehlo.maximum %a, %b : tensor<f32>
    stablehlo.return %m : tensor<f32>
  }) : (tensor<5xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @sort_of_iota
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @sort_of_iota(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.iota dim = 0 : tensor<3xi32>
  %1:2 = "stablehlo.sort"(%0, %x) <{dimension = 0 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<i32>, %b: tensor<i32>, %c: tensor<f32>, %d: tensor<f32>):
    %p = stablehlo.compare LT, %a, %b : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  }) : (tensor<3xi32>, tensor<3xf32>) -> (tensor<3xi32>, tensor<3xf32>)
  %r = stablehlo.negate %1#1 : tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @elementwise_map
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2.500000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.multiply %[[X]], %[[R0]] : tensor<3xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.subtract %[[R1]], %[[Y]] : tensor<3xf32>
// CHECK-NEXT: return %[[R2]] : tensor<3xf32>
func.func @elementwise_map(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.map"(%x, %y) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.constant dense<2.5> : tensor<f32>
    %m = stablehlo.multiply %a, %c : tensor<f32>
    %s = stablehlo.subtract %m, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
