// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// One of the two goes aside while the other is copied, to where the condition was.
// CHECK: oxide.arena_size = 256
// CHECK: stablehlo.compare {{.*}}oxide.slice = array<i64: [[SCRATCH:[0-9]+]], 1>
// CHECK: stablehlo.return {{.*}}oxide.scratch = array<i64: [[SCRATCH]], 64>
func.func @main(%n: tensor<i32>, %x: tensor<16xf32>, %y: tensor<16xf32>) -> (tensor<16xf32>, tensor<16xf32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %i, %a, %b = stablehlo.while(%k = %zero, %c = %x, %d = %y) : tensor<i32>, tensor<16xf32>, tensor<16xf32>
    cond {
      %p = stablehlo.compare LT, %k, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %next = stablehlo.add %k, %one : tensor<i32>
      stablehlo.return %next, %d, %c : tensor<i32>, tensor<16xf32>, tensor<16xf32>
    }
  return %a, %b : tensor<16xf32>, tensor<16xf32>
}
