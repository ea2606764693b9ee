// RUN: oxide-opt %s --simplify | filecheck %s

// Images of another size: rows by indices, columns by repetition.
// CHECK-NOT: stablehlo.transpose
// CHECK: %[[G:.+]] = "stablehlo.gather"(%arg0, %{{.+}}) <{dimension_numbers = #stablehlo.gather<offset_dims = [0, 2, 3], collapsed_slice_dims = [1], start_index_map = [1], index_vector_dim = 1>
// CHECK-SAME: slice_sizes = array<i64: 1, 1, 4, 2>
// CHECK: %[[B:.+]] = stablehlo.broadcast_in_dim %[[G]], dims = [0, 1, 2, 4] : (tensor<1x6x4x2xf32>) -> tensor<1x6x4x2x2xf32>
// CHECK: stablehlo.reshape %[[B]] : (tensor<1x6x4x2x2xf32>) -> tensor<1x6x8x2xf32>
// CHECK-NOT: stablehlo.transpose
// CHECK: return
func.func @main(%x: tensor<1x3x4x2xf32>) -> tensor<1x6x8x2xf32> {
  %rows = stablehlo.constant dense<[0, 0, 1, 1, 2, 2]> : tensor<6xi32>
  %0 = stablehlo.transpose %x, dims = [0, 3, 1, 2] : (tensor<1x3x4x2xf32>) -> tensor<1x2x3x4xf32>
  %1 = "stablehlo.gather"(%0, %rows) <{dimension_numbers = #stablehlo.gather<offset_dims = [0, 1, 3],
      collapsed_slice_dims = [2], start_index_map = [2], index_vector_dim = 1>,
      slice_sizes = array<i64: 1, 2, 1, 4>}> : (tensor<1x2x3x4xf32>, tensor<6xi32>) -> tensor<1x2x6x4xf32>
  %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1, 2, 3] : (tensor<1x2x6x4xf32>) -> tensor<1x2x6x4x2xf32>
  %3 = stablehlo.reshape %2 : (tensor<1x2x6x4x2xf32>) -> tensor<1x2x6x8xf32>
  %4 = stablehlo.transpose %3, dims = [0, 2, 3, 1] : (tensor<1x2x6x8xf32>) -> tensor<1x6x8x2xf32>
  return %4 : tensor<1x6x8x2xf32>
}
