// Gathers and scatters: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @known_gather
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [3:4, 0:2] : (tensor<4x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.broadcast_in_dim %[[R0]], dims = [0, 1] : (tensor<1x2xf32>) -> tensor<3x2xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3x2xf32>
func.func @known_gather(%x: tensor<4x2xf32>) -> tensor<3x2xf32> {
  %i = stablehlo.constant dense<9> : tensor<3xi32>
  %r = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>}> : (tensor<4x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// There is one row: every index takes it.
// CHECK-LABEL: func.func @known_gather
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[I:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.broadcast_in_dim %[[X]], dims = [0, 1] : (tensor<1x2xf32>) -> tensor<3x2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3x2xf32>
func.func @known_gather(%x: tensor<1x2xf32>, %i: tensor<3xi32>) -> tensor<3x2xf32> {
  %r = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>}> : (tensor<1x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @consecutive_take
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.slice %[[X]] [1:6:2, 0:2] : (tensor<6x2xf32>) -> tensor<3x2xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.reverse %[[R0]], dims = [0] : tensor<3x2xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3x2xf32>
func.func @consecutive_take(%x: tensor<6x2xf32>) -> tensor<3x2xf32> {
  %i = stablehlo.constant dense<[5,3,1]> : tensor<3xi32>
  %r = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, slice_sizes = array<i64: 1, 2>}> : (tensor<6x2xf32>, tensor<3xi32>) -> tensor<3x2xf32>
  return %r : tensor<3x2xf32>
}

// -----

// CHECK-LABEL: func.func @scatter_of_nothing
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[I:.+]]:{{.*}}%[[U:.+]]:
// CHECK-NEXT: return %[[X]] : tensor<4x2xf32>
func.func @scatter_of_nothing(%x: tensor<4x2xf32>, %i: tensor<0xi32>, %u: tensor<0x2xf32>) -> tensor<4x2xf32> {
  %r = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, unique_indices = false}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) : (tensor<4x2xf32>, tensor<0xi32>, tensor<0x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func.func @known_scatter
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[U:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2> : tensor<i64>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<0> : tensor<i64>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.dynamic_update_slice %[[X]], %[[U]], %[[R0]], %[[R1]] : (tensor<4x2xf32>, tensor<1x2xf32>, tensor<i64>, tensor<i64>) -> tensor<4x2xf32>
// CHECK-NEXT: return %[[R2]] : tensor<4x2xf32>
func.func @known_scatter(%x: tensor<4x2xf32>, %u: tensor<1x2xf32>) -> tensor<4x2xf32> {
  %i = stablehlo.constant dense<2> : tensor<1xi32>
  %r = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, unique_indices = false}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    stablehlo.return %b : tensor<f32>
  }) : (tensor<4x2xf32>, tensor<1xi32>, tensor<1x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// CHECK-LABEL: func.func @consecutive_scatter
// CHECK-SAME: %[[X:.+]]:{{.*}}%[[U:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<1> : tensor<i64>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<0> : tensor<i64>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.dynamic_update_slice %[[X]], %[[U]], %[[R0]], %[[R1]] : (tensor<5x2xf32>, tensor<3x2xf32>, tensor<i64>, tensor<i64>) -> tensor<5x2xf32>
// CHECK-NEXT: return %[[R2]] : tensor<5x2xf32>
func.func @consecutive_scatter(%x: tensor<5x2xf32>, %u: tensor<3x2xf32>) -> tensor<5x2xf32> {
  %i = stablehlo.constant dense<[1,2,3]> : tensor<3xi32>
  %r = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, unique_indices = false}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    stablehlo.return %b : tensor<f32>
  }) : (tensor<5x2xf32>, tensor<3xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  return %r : tensor<5x2xf32>
}
