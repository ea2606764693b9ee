// Slices, pads, concatenations, transposes and updates: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @transpose_of_unit_dimensions
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.reshape %[[X]] : (tensor<1x3x2xf32>) -> tensor<3x1x2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3x1x2xf32>
func.func @transpose_of_unit_dimensions(%x: tensor<1x3x2xf32>) -> tensor<3x1x2xf32> {
  %r = stablehlo.transpose %x, dims = [1, 0, 2] : (tensor<1x3x2xf32>) -> tensor<3x1x2xf32>
  return %r : tensor<3x1x2xf32>
}

// -----

// CHECK-LABEL: func.func @bitcast_of_bitcast
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.bitcast_convert %[[X]] : (tensor<3xf32>) -> tensor<3xui32>
// CHECK-NEXT: return %[[R0]] : tensor<3xui32>
func.func @bitcast_of_bitcast(%x: tensor<3xf32>) -> tensor<3xui32> {
  %0 = stablehlo.bitcast_convert %x : (tensor<3xf32>) -> tensor<3xi32>
  %r = stablehlo.bitcast_convert %0 : (tensor<3xi32>) -> tensor<3xui32>
  return %r : tensor<3xui32>
}

// -----

// CHECK-LABEL: func.func @slice_of_concatenate_part
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]: {{.*}}%[[Z:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.concatenate %[[Y]], %[[Z]], dim = 0 : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.slice %[[R0]] [1:6] : (tensor<7xf32>) -> tensor<5xf32>
// CHECK-NEXT: return %[[R1]] : tensor<5xf32>
func.func @slice_of_concatenate_part(%x: tensor<2xf32>, %y: tensor<3xf32>, %z: tensor<4xf32>) -> tensor<5xf32> {
  %0 = stablehlo.concatenate %x, %y, %z, dim = 0 : (tensor<2xf32>, tensor<3xf32>, tensor<4xf32>) -> tensor<9xf32>
  %r = stablehlo.slice %0 [3:8] : (tensor<9xf32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_pad
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [1:4:2] : (tensor<4xf32>) -> tensor<2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2xf32>
func.func @slice_of_pad(%x: tensor<4xf32>, %v: tensor<f32>) -> tensor<2xf32> {
  %0 = stablehlo.pad %x, %v, low = [3], high = [1], interior = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<8xf32>
  %r = stablehlo.slice %0 [4:7:2] : (tensor<8xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @pad_that_slices
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [1:4] : (tensor<6xf32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @pad_that_slices(%x: tensor<6xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %r = stablehlo.pad %x, %v, low = [-1], high = [-2], interior = [0] : (tensor<6xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @concatenate_of_constants
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<[1, 2, 3]> : tensor<3xi32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.concatenate %[[X]], %[[R0]], dim = 0 : (tensor<2xi32>, tensor<3xi32>) -> tensor<5xi32>
// CHECK-NEXT: return %[[R1]] : tensor<5xi32>
func.func @concatenate_of_constants(%x: tensor<2xi32>) -> tensor<5xi32> {
  %c = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
  %d = stablehlo.constant dense<3> : tensor<1xi32>
  %r = stablehlo.concatenate %x, %c, %d, dim = 0 : (tensor<2xi32>, tensor<2xi32>, tensor<1xi32>) -> tensor<5xi32>
  return %r : tensor<5xi32>
}

// -----

// CHECK-LABEL: func.func @update_of_update
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]: {{.*}}%[[Z:.+]]: {{.*}}%[[I:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.dynamic_update_slice %[[X]], %[[Z]], %[[I]] : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
// CHECK-NEXT: return %[[R0]] : tensor<5xf32>
func.func @update_of_update(%x: tensor<5xf32>, %y: tensor<2xf32>, %z: tensor<2xf32>, %i: tensor<i32>) -> tensor<5xf32> {
  %0 = stablehlo.dynamic_update_slice %x, %y, %i : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
  %r = stablehlo.dynamic_update_slice %0, %z, %i : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
  return %r : tensor<5xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_update
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]: {{.*}}%[[I:.+]]:
// CHECK-NEXT: return %[[Y]] : tensor<2xf32>
func.func @slice_of_update(%x: tensor<5xf32>, %y: tensor<2xf32>, %i: tensor<i32>) -> tensor<2xf32> {
  %0 = stablehlo.dynamic_update_slice %x, %y, %i : (tensor<5xf32>, tensor<2xf32>, tensor<i32>) -> tensor<5xf32>
  %r = stablehlo.dynamic_slice %0, %i, sizes = [2] : (tensor<5xf32>, tensor<i32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// The rows an iota counts are the first ones.
// CHECK-LABEL: func.func @consecutive_take
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [0:3, 0:4] : (tensor<5x4xf32>) -> tensor<3x4xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3x4xf32>
func.func @consecutive_take(%x: tensor<5x4xf32>) -> tensor<3x4xf32> {
  %i = stablehlo.iota dim = 0 : tensor<3xi32>
  %r = "stablehlo.gather"(%x, %i) {dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 4>} : (tensor<5x4xf32>, tensor<3xi32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// -----

// CHECK-LABEL: func.func @empty_result
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<> : tensor<0x3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<0x3xf32>
func.func @empty_result(%x: tensor<3x0xf32>) -> tensor<0x3xf32> {
  %r = stablehlo.transpose %x, dims = [1, 0] : (tensor<3x0xf32>) -> tensor<0x3xf32>
  return %r : tensor<0x3xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_pad
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[V]], dims = [] : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @slice_of_pad(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<3xf32> {
  %0 = stablehlo.pad %x, %v, low = [2], high = [4], interior = [1] : (tensor<3xf32>, tensor<f32>) -> tensor<11xf32>
  %r = stablehlo.slice %0 [8:11] : (tensor<11xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_pad
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.pad %[[X]], %[[V]], low = [1], high = [1], interior = [1] : (tensor<3xf32>, tensor<f32>) -> tensor<7xf32>
// CHECK-NEXT: return %[[R0]] : tensor<7xf32>
func.func @slice_of_pad(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<7xf32> {
  %0 = stablehlo.pad %x, %v, low = [2], high = [4], interior = [1] : (tensor<3xf32>, tensor<f32>) -> tensor<11xf32>
  %r = stablehlo.slice %0 [1:8] : (tensor<11xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_pad
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[V:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [1:3] : (tensor<3xf32>) -> tensor<2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2xf32>
func.func @slice_of_pad(%x: tensor<3xf32>, %v: tensor<f32>) -> tensor<2xf32> {
  %0 = stablehlo.pad %x, %v, low = [2], high = [4], interior = [1] : (tensor<3xf32>, tensor<f32>) -> tensor<11xf32>
  %r = stablehlo.slice %0 [4:8:2] : (tensor<11xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @slice_of_reverse
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [1:6:2] : (tensor<7xf32>) -> tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.reverse %[[R0]], dims = [0] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @slice_of_reverse(%x: tensor<7xf32>) -> tensor<3xf32> {
  %0 = stablehlo.reverse %x, dims = [0] : tensor<7xf32>
  %r = stablehlo.slice %0 [1:6:2] : (tensor<7xf32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}
