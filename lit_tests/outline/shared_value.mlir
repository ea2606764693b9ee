// RUN: oxide-opt %s --outline=min-ops=3 | filecheck %s

// The broadcast that both read stands in the first part only; the function has one of its own.
// CHECK: %[[M:.+]] = stablehlo.negate %[[A:.+]] :
// CHECK-NEXT: %[[Y:.+]] = call @block(%[[X:.+]], %[[M]])
// CHECK-NEXT: call @block(%[[Y]], %[[M]])
// CHECK: func.func private @block(%[[I:.+]]: tensor<2x4xf32>, %[[V:.+]]: tensor<4xf32>)
// CHECK: stablehlo.broadcast_in_dim %[[V]]
func.func @main(%x: tensor<2x4xf32>, %mask: tensor<4xf32>) -> tensor<2x4xf32> {
  %m = stablehlo.negate %mask : tensor<4xf32>
  %0 = stablehlo.sine %x : tensor<2x4xf32>
  %1 = stablehlo.broadcast_in_dim %m, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x4xf32>
  %3 = stablehlo.tanh %2 : tensor<2x4xf32>
  %4 = stablehlo.abs %3 : tensor<2x4xf32>
  %5 = stablehlo.sine %4 : tensor<2x4xf32>
  %6 = stablehlo.add %5, %1 : tensor<2x4xf32>
  %7 = stablehlo.tanh %6 : tensor<2x4xf32>
  %8 = stablehlo.abs %7 : tensor<2x4xf32>
  return %8 : tensor<2x4xf32>
}
