// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.logistic %x : tensor<?xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<?xf32>
  return %1 : tensor<?xf32>
}
