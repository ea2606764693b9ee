// RUN: oxide-opt %s --fuse=kinds=input | filecheck %s

// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.exponential %x : tensor<4xf32>
  %1 = stablehlo.negate %0 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
