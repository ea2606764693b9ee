// RUN: oxide-opt %s --assign-buffers | filecheck %s
// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s --check-prefix=ARENA

// Views that the caller gets are copies: each result has its own memory, as large as it is.
// CHECK: oxide.arena_size = 0
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: [[WHOLE:[0-9]+]], 128>
// CHECK: stablehlo.reshape
// CHECK-NOT: oxide.slice = array<i64: [[WHOLE]], 128>
// CHECK-SAME: oxide.slice
// CHECK: stablehlo.slice
// CHECK-NOT: oxide.slice = array<i64: [[WHOLE]], 64>
// CHECK-SAME: oxide.slice
// CHECK: return
// ARENA: oxide.arena_size = 128
func.func @main(%x: tensor<2x16xf32>) -> (tensor<2x16xf32>, tensor<32xf32>, tensor<1x16xf32>) {
  %0 = stablehlo.exponential %x : tensor<2x16xf32>
  %1 = stablehlo.reshape %0 : (tensor<2x16xf32>) -> tensor<32xf32>
  %2 = stablehlo.slice %0 [0:1, 0:16] : (tensor<2x16xf32>) -> tensor<1x16xf32>
  return %0, %1, %2 : tensor<2x16xf32>, tensor<32xf32>, tensor<1x16xf32>
}
