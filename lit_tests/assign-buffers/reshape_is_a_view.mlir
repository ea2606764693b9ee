// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// CHECK: oxide.arena_size = 64 : i64
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: 0, 16>
// CHECK: stablehlo.reshape {{.*}}oxide.slice = array<i64: 0, 16>
func.func @main(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %0 = stablehlo.exponential %x : tensor<4xf32>
  %1 = stablehlo.reshape %0 : (tensor<4xf32>) -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}
