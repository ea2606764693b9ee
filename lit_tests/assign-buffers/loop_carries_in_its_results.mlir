// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// The loop's value is still read when the body has computed the next one.
// CHECK: oxide.arena_size = 192
// CHECK: stablehlo.while{{.*}} attributes {oxide.slice = array<i64: [[CARRIED:[0-9]+]], 16>}
// CHECK: stablehlo.reverse
// CHECK-NOT: array<i64: [[CARRIED]], 16>
// CHECK: stablehlo.dot_general
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.while(%a = %x) : tensor<4xf32>
    cond {
      %s = stablehlo.dot_general %a, %x, contracting_dims = [0] x [0]
        : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
      %p = stablehlo.compare LT, %s, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %r = stablehlo.reverse %a, dims = [0] : tensor<4xf32>
      %d = stablehlo.dot_general %a, %r, contracting_dims = [0] x [0]
        : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
      %c = stablehlo.clamp %d, %r, %zero : (tensor<f32>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
      stablehlo.return %c : tensor<4xf32>
    }
  return %0 : tensor<4xf32>
}
