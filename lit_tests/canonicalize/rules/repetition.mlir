// Iotas and broadcasts take in what moves or repeats elements: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @broadcast_of_iota
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 1 : tensor<2x3xi32>
// CHECK-NEXT: return %[[R0]] : tensor<2x3xi32>
func.func @broadcast_of_iota() -> tensor<2x3xi32> {
  %0 = stablehlo.iota dim = 0 : tensor<3xi32>
  %r = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<3xi32>) -> tensor<2x3xi32>
  return %r : tensor<2x3xi32>
}

// -----

// CHECK-LABEL: func.func @transpose_of_iota
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 1 : tensor<3x2xi32>
// CHECK-NEXT: return %[[R0]] : tensor<3x2xi32>
func.func @transpose_of_iota() -> tensor<3x2xi32> {
  %0 = stablehlo.iota dim = 0 : tensor<2x3xi32>
  %r = stablehlo.transpose %0, dims = [1, 0] : (tensor<2x3xi32>) -> tensor<3x2xi32>
  return %r : tensor<3x2xi32>
}

// -----

// CHECK-LABEL: func.func @reshape_of_iota
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 2 : tensor<2x2x3xi32>
// CHECK-NEXT: return %[[R0]] : tensor<2x2x3xi32>
func.func @reshape_of_iota() -> tensor<2x2x3xi32> {
  %0 = stablehlo.iota dim = 1 : tensor<4x3xi32>
  %r = stablehlo.reshape %0 : (tensor<4x3xi32>) -> tensor<2x2x3xi32>
  return %r : tensor<2x2x3xi32>
}

// -----

// CHECK-LABEL: func.func @slice_of_iota
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 1 : tensor<2x2xi32>
// CHECK-NEXT: return %[[R0]] : tensor<2x2xi32>
func.func @slice_of_iota() -> tensor<2x2xi32> {
  %0 = stablehlo.iota dim = 1 : tensor<4x3xi32>
  %r = stablehlo.slice %0 [1:4:2, 0:2] : (tensor<4x3xi32>) -> tensor<2x2xi32>
  return %r : tensor<2x2xi32>
}

// -----

// CHECK-LABEL: func.func @reverse_of_iota
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 1 : tensor<4x3xi32>
// CHECK-NEXT: return %[[R0]] : tensor<4x3xi32>
func.func @reverse_of_iota() -> tensor<4x3xi32> {
  %0 = stablehlo.iota dim = 1 : tensor<4x3xi32>
  %r = stablehlo.reverse %0, dims = [0] : tensor<4x3xi32>
  return %r : tensor<4x3xi32>
}

// -----

// CHECK-LABEL: func.func @convert_of_iota
// CHECK-NEXT: %[[R0:.+]] = stablehlo.iota dim = 0 : tensor<256xbf16>
// CHECK-NEXT: return %[[R0]] : tensor<256xbf16>
func.func @convert_of_iota() -> tensor<256xbf16> {
  %0 = stablehlo.iota dim = 0 : tensor<256xi64>
  %r = stablehlo.convert %0 : (tensor<256xi64>) -> tensor<256xbf16>
  return %r : tensor<256xbf16>
}

// -----

// CHECK-LABEL: func.func @slice_of_broadcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2x3xf32>
func.func @slice_of_broadcast(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<8x3xf32>
  %r = stablehlo.slice %0 [1:5:2, 0:3] : (tensor<8x3xf32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @reverse_of_broadcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [1] : (tensor<3xf32>) -> tensor<8x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<8x3xf32>
func.func @reverse_of_broadcast(%x: tensor<3xf32>) -> tensor<8x3xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<8x3xf32>
  %r = stablehlo.reverse %0, dims = [0] : tensor<8x3xf32>
  return %r : tensor<8x3xf32>
}

// -----

// CHECK-LABEL: func.func @concatenate_of_broadcasts
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [1] : (tensor<3xf32>) -> tensor<7x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<7x3xf32>
func.func @concatenate_of_broadcasts(%x: tensor<3xf32>) -> tensor<7x3xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %1 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<5x3xf32>
  %r = stablehlo.concatenate %0, %1, dim = 0 : (tensor<2x3xf32>, tensor<5x3xf32>) -> tensor<7x3xf32>
  return %r : tensor<7x3xf32>
}

// -----

// CHECK-LABEL: func.func @pad_of_repeated_element
// CHECK-SAME: %[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[V]], dims = [] : (tensor<f32>) -> tensor<6xf32>
// CHECK-NEXT: return %[[R0]] : tensor<6xf32>
func.func @pad_of_repeated_element(%v: tensor<f32>) -> tensor<6xf32> {
  %0 = stablehlo.broadcast_in_dim %v, dims = [] : (tensor<f32>) -> tensor<3xf32>
  %r = stablehlo.pad %0, %v, low = [1], high = [2], interior = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  return %r : tensor<6xf32>
}

// -----

// Padding nothing.
// CHECK-LABEL: func.func @pad_of_repeated_element
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[V]], dims = [] : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @pad_of_repeated_element(%x: tensor<0xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %r = stablehlo.pad %x, %v, low = [1], high = [2], interior = [0] : (tensor<0xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @function_of_broadcasts
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.multiply %[[X]], %[[Y]] : tensor<f32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.broadcast_in_dim %[[R0]], dims = [] : (tensor<f32>) -> tensor<2x3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<2x3xf32>
func.func @function_of_broadcasts(%x: tensor<f32>, %y: tensor<f32>) -> tensor<2x3xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
  %1 = stablehlo.broadcast_in_dim %y, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
  %r = stablehlo.multiply %0, %1 : tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

// A constant takes part as one element.
// CHECK-LABEL: func.func @function_of_broadcasts
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.add %[[X]], %[[R0]] : tensor<3xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.broadcast_in_dim %[[R1]], dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: return %[[R2]] : tensor<2x3xf32>
func.func @function_of_broadcasts(%x: tensor<3xf32>) -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<2.0> : tensor<2x3xf32>
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %r = stablehlo.add %0, %c : tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @reshape_of_broadcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [2] : (tensor<3xf32>) -> tensor<8x1x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<8x1x3xf32>
func.func @reshape_of_broadcast(%x: tensor<3xf32>) -> tensor<8x1x3xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [2] : (tensor<3xf32>) -> tensor<2x4x3xf32>
  %r = stablehlo.reshape %0 : (tensor<2x4x3xf32>) -> tensor<8x1x3xf32>
  return %r : tensor<8x1x3xf32>
}

// -----

// CHECK-LABEL: func.func @reshape_of_broadcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [] : (tensor<f32>) -> tensor<3x2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3x2xf32>
func.func @reshape_of_broadcast(%x: tensor<f32>) -> tensor<3x2xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<6xf32>
  %r = stablehlo.reshape %0 : (tensor<6xf32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @broadcast_of_unit_reshape
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [0, 1] : (tensor<1x3xf32>) -> tensor<4x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<4x3xf32>
func.func @broadcast_of_unit_reshape(%x: tensor<1x3xf32>) -> tensor<4x3xf32> {
  %0 = stablehlo.reshape %x : (tensor<1x3xf32>) -> tensor<3xf32>
  %r = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<3xf32>) -> tensor<4x3xf32>
  return %r : tensor<4x3xf32>
}

// -----

// CHECK-LABEL: func.func @dynamic_slice_of_broadcast
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[I:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2x3xf32>
func.func @dynamic_slice_of_broadcast(%x: tensor<3xf32>, %i: tensor<i32>) -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<0> : tensor<i32>
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<3xf32>) -> tensor<4x3xf32>
  %r = stablehlo.dynamic_slice %0, %i, %c, sizes = [2, 3] : (tensor<4x3xf32>, tensor<i32>, tensor<i32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @gather_of_repeated_element
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[I:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [] : (tensor<f32>) -> tensor<3x2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3x2xf32>
func.func @gather_of_repeated_element(%x: tensor<f32>, %i: tensor<3xi32>) -> tensor<3x2xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<4x2xf32>
  %r = "stablehlo.gather"(%0, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>}> : (tensor<4x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}
