// RUN: oxide-opt %s --canonicalize | filecheck %s

// Equal dynamic types are not equal shapes.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.dynamic_reshape
// CHECK: stablehlo.add
func.func @main(%x: tensor<?x?xf32>, %s: tensor<2xi32>) -> tensor<?x?xf32> {
  %0 = stablehlo.dynamic_reshape %x, %s : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  %1 = stablehlo.add %0, %0 : tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}
