// RUN: oxide-opt %s --assign-buffers | filecheck %s

// The new state lies where the old one did, outside of the arena.
// CHECK: %arg0: tensor<4xf32> {oxide.name = "state", oxide.slice = array<i64: 0, 16>}
// CHECK-SAME: -> (tensor<4xf32> {oxide.slice = array<i64: 0, 16>, oxide.updates = "state"})
// CHECK-SAME: oxide.arena_size = 0
// CHECK: stablehlo.add {{.*}}oxide.slice = array<i64: 0, 16>
func.func @main(%s: tensor<4xf32> {oxide.name = "state"}, %x: tensor<4xf32>)
    -> (tensor<4xf32> {oxide.updates = "state"}) {
  %0 = stablehlo.add %s, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
