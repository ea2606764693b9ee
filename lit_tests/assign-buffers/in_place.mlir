// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// CHECK: oxide.arena_size = 448 : i64
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: 0, 400>
// CHECK: stablehlo.negate {{.*}}oxide.slice = array<i64: 0, 400>
func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  %1 = stablehlo.negate %0 : tensor<100xf32>
  return %1 : tensor<100xf32>
}
