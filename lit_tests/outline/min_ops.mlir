// RUN: oxide-opt %s --outline=min-ops=4 | filecheck %s --check-prefix=ENOUGH
// RUN: oxide-opt %s --outline=min-ops=5 | filecheck %s --check-prefix=FEW
// RUN: oxide-opt %s --pass-pipeline='builtin.module(outline{min-ops=4 min-repeats=3})' | filecheck %s --check-prefix=FEW

// Reshapes do not count.
// ENOUGH: call @block
// ENOUGH: call @block
// FEW-NOT: call
// FEW: return
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32>
  %1 = stablehlo.cosine %0 : tensor<4xf32>
  %2 = stablehlo.reshape %1 : (tensor<4xf32>) -> tensor<2x2xf32>
  %3 = stablehlo.transpose %2, dims = [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %4 = stablehlo.reshape %3 : (tensor<2x2xf32>) -> tensor<4xf32>
  %5 = stablehlo.abs %4 : tensor<4xf32>
  %6 = stablehlo.sine %5 : tensor<4xf32>
  %7 = stablehlo.cosine %6 : tensor<4xf32>
  %8 = stablehlo.reshape %7 : (tensor<4xf32>) -> tensor<2x2xf32>
  %9 = stablehlo.transpose %8, dims = [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %10 = stablehlo.reshape %9 : (tensor<2x2xf32>) -> tensor<4xf32>
  %11 = stablehlo.abs %10 : tensor<4xf32>
  return %11 : tensor<4xf32>
}
