// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// The sum is computed where the loop carries its value, and what is handed on as it is stays the caller's.
// CHECK: stablehlo.while{{.*}} attributes {oxide.slice = array<i64: [[CARRIED:[0-9]+]], 16, -1, 0>}
// CHECK: stablehlo.add {{.*}}oxide.slice = array<i64: [[CARRIED]], 16>
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0:2 = stablehlo.while(%a = %x, %b = %w) : tensor<4xf32>, tensor<4xf32>
    cond {
      %s = stablehlo.dot_general %a, %b, contracting_dims = [0] x [0]
        : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
      %p = stablehlo.compare LT, %s, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %c = stablehlo.add %a, %b : tensor<4xf32>
      stablehlo.return %c, %b : tensor<4xf32>, tensor<4xf32>
    }
  return %0#0 : tensor<4xf32>
}
