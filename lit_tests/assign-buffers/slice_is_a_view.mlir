// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// Rows follow each other in memory, columns do not.
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: 0, 512>
// CHECK: stablehlo.slice {{.*}}[2:4, 0:16] {oxide.slice = array<i64: 128, 128>}
// CHECK: stablehlo.slice {{.*}}[0:8, 4:8] {oxide.slice = array<i64: 512, 128>}
func.func @main(%x: tensor<8x16xf32>) -> (tensor<2x16xf32>, tensor<8x4xf32>, tensor<8x16xf32>) {
  %0 = stablehlo.exponential %x : tensor<8x16xf32>
  %1 = stablehlo.slice %0 [2:4, 0:16] : (tensor<8x16xf32>) -> tensor<2x16xf32>
  %2 = stablehlo.slice %0 [0:8, 4:8] : (tensor<8x16xf32>) -> tensor<8x4xf32>
  return %1, %2, %0 : tensor<2x16xf32>, tensor<8x4xf32>, tensor<8x16xf32>
}
