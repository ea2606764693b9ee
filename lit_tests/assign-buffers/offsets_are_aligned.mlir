// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// Both values are needed at the end; the second starts at the next multiple of 64.
// CHECK: oxide.arena_size = 128
// CHECK-DAG: oxide.slice = array<i64: 0, 4>
// CHECK-DAG: oxide.slice = array<i64: 64, 4>
func.func @main(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = stablehlo.exponential %x : tensor<f32>
  %1 = stablehlo.negate %x : tensor<f32>
  return %0, %1 : tensor<f32>, tensor<f32>
}
