// RUN: oxide-opt %s --fuse | filecheck %s
// RUN: oxide-opt %s --fuse --assign-buffers=results=arena | filecheck %s --check-prefix=PLACE

// What is written is computed where it is written, and the rest of the operand stays as it is: in place.
// CHECK: %[[CACHE:.+]] = stablehlo.negate
// CHECK-NEXT: stablehlo.composite "oxide.fusion" %{{.*}}, %[[CACHE]], %
// CHECK: func.func private
// CHECK: stablehlo.add
// CHECK: stablehlo.tanh
// CHECK: stablehlo.dynamic_update_slice
// PLACE: stablehlo.negate {{.*}}oxide.slice = array<i64: 0, 256>
// PLACE: stablehlo.composite {{.*}}oxide.slice = array<i64: 0, 256>
func.func @main(%x: tensor<64xf32>, %u: tensor<4xf32>, %i: tensor<i32>) -> tensor<64xf32> {
  %cache = stablehlo.negate %x : tensor<64xf32>
  %0 = stablehlo.add %u, %u : tensor<4xf32>
  %1 = stablehlo.tanh %0 : tensor<4xf32>
  %2 = stablehlo.dynamic_update_slice %cache, %1, %i : (tensor<64xf32>, tensor<4xf32>, tensor<i32>) -> tensor<64xf32>
  return %2 : tensor<64xf32>
}
