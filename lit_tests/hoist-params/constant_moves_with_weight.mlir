// RUN: oxide-opt %s --hoist-params | filecheck %s

// Rows of a table at positions that are known.
// CHECK: func.func public @prepare
// CHECK-SAME: tensor<2x3xf32> {oxide.name = "positions_gathered"}
// CHECK-NEXT: stablehlo.constant
// CHECK-NEXT: stablehlo.gather
// CHECK: func.func @main(%[[X:.+]]: tensor<2x3xf32>, %[[P:.+]]: tensor<2x3xf32>
// CHECK-NEXT: stablehlo.add %[[X]], %[[P]]
func.func @main(%x: tensor<2x3xf32>, %w: tensor<8x3xf32> {oxide.param = "positions"}) -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<[[5], [2]]> : tensor<2x1xi32>
  %0 = "stablehlo.gather"(%w, %c) <{
    dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0],
      start_index_map = [0], index_vector_dim = 1>,
    slice_sizes = array<i64: 1, 3>}> : (tensor<8x3xf32>, tensor<2x1xi32>) -> tensor<2x3xf32>
  %1 = stablehlo.add %x, %0 : tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
