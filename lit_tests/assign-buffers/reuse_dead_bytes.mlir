// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// Reverse cannot work in place, but the third value may lie where the first one was.
// CHECK: oxide.arena_size = 896 : i64
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: [[A:[0-9]+]], 400>
// CHECK: stablehlo.reverse {{.*}}oxide.slice = array<i64: [[B:[0-9]+]], 400>
// CHECK: stablehlo.reverse {{.*}}oxide.slice = array<i64: [[A]], 400>
func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  %1 = stablehlo.reverse %0, dims = [0] : tensor<100xf32>
  %2 = stablehlo.reverse %1, dims = [0] : tensor<100xf32>
  return %2 : tensor<100xf32>
}
