// RUN: oxide-opt %s --fuse=device=h100 | filecheck %s
// RUN: oxide-opt %s --fuse=device=cpu | filecheck %s --check-prefix=CPU

// A mask of few elements is computed where it is read: on a GPU a kernel of its own would cost more than that.
// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.convert
// CHECK-COUNT-2: stablehlo.composite "oxide.fusion"
// CHECK-NOT: stablehlo.composite
// CHECK: return
// CPU-LABEL: func.func @main
// CPU-COUNT-3: stablehlo.composite "oxide.fusion"
func.func @main(%m: tensor<64xi64>, %x: tensor<512x64xf32>) -> (tensor<512x64xf32>, tensor<512x64xf32>) {
  %0 = stablehlo.convert %m : (tensor<64xi64>) -> tensor<64xf32>
  %1 = stablehlo.negate %0 : tensor<64xf32>
  %2 = stablehlo.broadcast_in_dim %1, dims = [1] : (tensor<64xf32>) -> tensor<512x64xf32>
  %3 = stablehlo.add %x, %2 : tensor<512x64xf32>
  %4 = "stablehlo.sort"(%3) ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %p = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
  }) : (tensor<512x64xf32>) -> tensor<512x64xf32>
  %5 = stablehlo.multiply %4, %2 : tensor<512x64xf32>
  return %3, %5 : tensor<512x64xf32>, tensor<512x64xf32>
}
