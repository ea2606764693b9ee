// RUN: oxide-opt %s --outline=min-ops=1 | filecheck %s

// Two calls and a function of three operations are as many as there were.
// CHECK-NOT: call
// CHECK: return
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32>
  %1 = stablehlo.cosine %0 : tensor<4xf32>
  %2 = stablehlo.abs %1 : tensor<4xf32>
  %3 = stablehlo.sine %2 : tensor<4xf32>
  %4 = stablehlo.cosine %3 : tensor<4xf32>
  %5 = stablehlo.abs %4 : tensor<4xf32>
  return %5 : tensor<4xf32>
}
