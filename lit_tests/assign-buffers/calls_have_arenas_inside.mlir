// RUN: oxide-opt %s --assign-buffers | filecheck %s

// The function needs 64 bytes besides its result; its caller has them at hand while each call runs.
// CHECK: func.func @main
// CHECK-SAME: oxide.arena_size = 128
// CHECK: call @f(%arg0) {oxide.scratch = array<i64: [[SCRATCH:[0-9]+]], 64>, oxide.slice = array<i64: [[FIRST:[0-9]+]], 64>}
// CHECK: call @f(%0) {oxide.scratch = array<i64: {{[0-9]+}}, 64>, oxide.slice
// CHECK: func.func private @f
// CHECK-SAME: oxide.slice = array<i64: 64, 64>
// CHECK-SAME: oxide.arena_size = 64
// CHECK: stablehlo.reverse {{.*}}oxide.slice = array<i64: 0, 64>
// CHECK: stablehlo.add {{.*}}oxide.slice = array<i64: 64, 64>
func.func @main(%x: tensor<16xf32>) -> tensor<16xf32> {
  %0 = func.call @f(%x) : (tensor<16xf32>) -> tensor<16xf32>
  %1 = func.call @f(%0) : (tensor<16xf32>) -> tensor<16xf32>
  return %1 : tensor<16xf32>
}
func.func private @f(%x: tensor<16xf32>) -> tensor<16xf32> {
  %0 = stablehlo.exponential %x : tensor<16xf32>
  %1 = stablehlo.reverse %0, dims = [0] : tensor<16xf32>
  %2 = stablehlo.add %0, %1 : tensor<16xf32>
  return %2 : tensor<16xf32>
}
