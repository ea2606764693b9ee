// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// The operands are computed where they lie in the result.
// CHECK: oxide.arena_size = 192 : i64
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: 0, 128>
// CHECK: stablehlo.negate {{.*}}oxide.slice = array<i64: 128, 64>
// CHECK: stablehlo.concatenate {{.*}}oxide.slice = array<i64: 0, 192>
func.func @main(%x: tensor<2x16xf32>, %y: tensor<1x16xf32>) -> tensor<3x16xf32> {
  %0 = stablehlo.exponential %x : tensor<2x16xf32>
  %1 = stablehlo.negate %y : tensor<1x16xf32>
  %2 = stablehlo.concatenate %0, %1, dim = 0 : (tensor<2x16xf32>, tensor<1x16xf32>) -> tensor<3x16xf32>
  return %2 : tensor<3x16xf32>
}
