// RUN: oxide-opt %s --assign-buffers | filecheck %s

// The result's memory begins where the arena ends.  The first reversal lies in it until it is written: of 128 bytes
// that are needed at the same time, the arena has half.
// CHECK: func.func @main
// CHECK-SAME: -> (tensor<16xf32> {oxide.slice = array<i64: 64, 64>}) attributes {oxide.arena_size = 64 : i64}
// CHECK: stablehlo.reverse {{.*}}oxide.slice = array<i64: 64, 64>
// CHECK: stablehlo.reverse {{.*}}oxide.slice = array<i64: 0, 64>
// CHECK: stablehlo.reverse {{.*}}oxide.slice = array<i64: 64, 64>
func.func @main(%x: tensor<16xf32>) -> tensor<16xf32> {
  %0 = stablehlo.reverse %x, dims = [0] : tensor<16xf32>
  %1 = stablehlo.reverse %0, dims = [0] : tensor<16xf32>
  %2 = stablehlo.reverse %1, dims = [0] : tensor<16xf32>
  return %2 : tensor<16xf32>
}
