// RUN: oxide-opt %s --fuse=device=h100 | filecheck %s
// RUN: oxide-opt %s --fuse=device=h100 --mlir-pass-statistics 2>&1 >/dev/null | filecheck %s --check-prefix=COUNT

// Both products read the input as it is: each computes its negation, and nothing writes that.
// COUNT: operations copied
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:[^:]+]]: tensor<64x64xf32>
// CHECK-NOT: stablehlo.negate
// CHECK: %[[A:.+]] = stablehlo.composite "oxide.fusion" %[[X]]
// CHECK: %[[S:.+]] = "stablehlo.sort"(%[[A]])
// CHECK: stablehlo.composite "oxide.fusion" %[[X]], %[[S]]
// CHECK: func.func private
// CHECK-COUNT-2: stablehlo.negate
// CHECK-NOT: stablehlo.negate
func.func @main(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %0 = stablehlo.negate %x : tensor<64x64xf32>
  %1 = stablehlo.abs %0 : tensor<64x64xf32>
  %2 = "stablehlo.sort"(%1) ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %p = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
  }) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = stablehlo.add %0, %2 : tensor<64x64xf32>
  return %3 : tensor<64x64xf32>
}
