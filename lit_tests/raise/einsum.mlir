// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// "blhd,bshd->bhls" by merged batches, as a batched product needs them.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.dot_general %arg0, %arg1, batching_dims = [0, 2] x [0, 2], contracting_dims = [3] x [3] : (tensor<2x5x3x8xf32>, tensor<2x7x3x8xf32>) -> tensor<2x3x5x7xf32>
// CHECK-NEXT: return %[[Y]]
func.func @main(%q: tensor<2x5x3x8xf32>, %k: tensor<2x7x3x8xf32>) -> tensor<2x3x5x7xf32> {
  %qt = stablehlo.transpose %q, dims = [0, 2, 1, 3] : (tensor<2x5x3x8xf32>) -> tensor<2x3x5x8xf32>
  %qm = stablehlo.reshape %qt : (tensor<2x3x5x8xf32>) -> tensor<6x5x8xf32>
  %kt = stablehlo.transpose %k, dims = [0, 2, 3, 1] : (tensor<2x7x3x8xf32>) -> tensor<2x3x8x7xf32>
  %km = stablehlo.reshape %kt : (tensor<2x3x8x7xf32>) -> tensor<6x8x7xf32>
  %y = stablehlo.dot_general %qm, %km, batching_dims = [0] x [0], contracting_dims = [2] x [1] : (tensor<6x5x8xf32>, tensor<6x8x7xf32>) -> tensor<6x5x7xf32>
  %r = stablehlo.reshape %y : (tensor<6x5x7xf32>) -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}
