// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s
// RUN: oxide-opt %s '--assign-buffers=results=arena schedule=given' | filecheck %s --check-prefix=GIVEN

// One large value at a time, unless the order is to stay.
// CHECK: broadcast_in_dim
// CHECK: dot_general
// CHECK: broadcast_in_dim
// CHECK: dot_general
// GIVEN: broadcast_in_dim
// GIVEN: broadcast_in_dim
// GIVEN: dot_general
// GIVEN: dot_general
func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  %a = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<1000xf32>
  %b = stablehlo.broadcast_in_dim %y, dims = [] : (tensor<f32>) -> tensor<1000xf32>
  %c = stablehlo.dot_general %a, %a, contracting_dims = [0] x [0] : (tensor<1000xf32>, tensor<1000xf32>) -> tensor<f32>
  %d = stablehlo.dot_general %b, %b, contracting_dims = [0] x [0] : (tensor<1000xf32>, tensor<1000xf32>) -> tensor<f32>
  %e = stablehlo.add %c, %d : tensor<f32>
  return %e : tensor<f32>
}
