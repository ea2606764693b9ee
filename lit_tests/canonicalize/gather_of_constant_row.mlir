// RUN: oxide-opt %s --canonicalize | filecheck %s

// The index is clamped into range, as gather does.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<5x4xf32>
// CHECK-NEXT: %[[S:.+]] = stablehlo.slice %[[X]] [4:5, 0:4]
// CHECK-NEXT: %[[R:.+]] = stablehlo.reshape %[[S]]
// CHECK-NEXT: return %[[R]]
func.func @main(%x: tensor<5x4xf32>) -> tensor<4xf32> {
  %i = stablehlo.constant dense<7> : tensor<1xi32>
  %0 = "stablehlo.gather"(%x, %i) {
    dimension_numbers = #stablehlo.gather<offset_dims = [0], collapsed_slice_dims = [0],
                                          start_index_map = [0], index_vector_dim = 0>,
    slice_sizes = array<i64: 1, 4>
  } : (tensor<5x4xf32>, tensor<1xi32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
