// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// Elements of less than a byte lie a byte each in memory, so their bits must be gathered.
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: [[FLOATS:[0-9]+]], 16>
// CHECK: stablehlo.bitcast_convert {{.*}}oxide.slice = array<i64: [[FLOATS]], 16>
// CHECK: stablehlo.bitcast_convert {{.*}}oxide.slice = array<i64: {{[0-9]+}}, 32>
func.func @main(%x: tensor<4xf32>) -> (tensor<4x4xi8>, tensor<4x8xi4>) {
  %0 = stablehlo.exponential %x : tensor<4xf32>
  %1 = stablehlo.bitcast_convert %0 : (tensor<4xf32>) -> tensor<4x4xi8>
  %2 = stablehlo.bitcast_convert %0 : (tensor<4xf32>) -> tensor<4x8xi4>
  return %1, %2 : tensor<4x4xi8>, tensor<4x8xi4>
}
