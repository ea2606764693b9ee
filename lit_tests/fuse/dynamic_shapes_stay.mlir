// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.exponential %x : tensor<?xf32>
  %1 = stablehlo.negate %0 : tensor<?xf32>
  return %1 : tensor<?xf32>
}
