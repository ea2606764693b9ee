// RUN: oxide-opt %s --assign-buffers | filecheck %s

// The loop's value and what the body computes are both needed while it runs.
// CHECK: oxide.arena_size = 192
// CHECK: stablehlo.while{{.*}} attributes {oxide.slice = array<i64: {{[0-9]+}}, 4>}
// CHECK: stablehlo.add {{.*}}oxide.slice
func.func @main(%x: tensor<i32>) -> tensor<i32> {
  %0 = stablehlo.while(%a = %x) : tensor<i32>
    cond {
      %p = stablehlo.compare LT, %a, %x : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %s = stablehlo.add %a, %a : tensor<i32>
      stablehlo.return %s : tensor<i32>
    }
  return %0 : tensor<i32>
}
