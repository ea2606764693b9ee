// RUN: oxide-opt %s --fuse | filecheck %s

// The exponential feeds the dot and the add, the dot feeds the add: it cannot be in one group with the add.
// CHECK-LABEL: func.func @main
// CHECK: %[[E:.+]] = stablehlo.exponential
// CHECK: stablehlo.composite "oxide.fusion" %[[E]]
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = stablehlo.exponential %x : tensor<4x4xf32>
  %1 = stablehlo.dot_general %0, %0, contracting_dims = [1] x [0]
    : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = stablehlo.add %0, %1 : tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}
