// RUN: oxide-opt %s --cse | filecheck %s

// Equal operands give equal sizes: one reshape stays.  Equal types alone do not: the one to other sizes stays too.
// CHECK-LABEL: func.func @main
// CHECK: %[[FIRST:.+]] = stablehlo.dynamic_reshape %arg0, %arg1
// CHECK: %[[OTHER:.+]] = stablehlo.dynamic_reshape %arg0, %arg2
// CHECK-NOT: dynamic_reshape
// CHECK: return %[[FIRST]], %[[FIRST]], %[[OTHER]]
func.func @main(%x: tensor<?x?xf32>, %s: tensor<2xi32>, %t: tensor<2xi32>) -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %0 = stablehlo.dynamic_reshape %x, %s : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  %1 = stablehlo.dynamic_reshape %x, %s : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  %2 = stablehlo.dynamic_reshape %x, %t : (tensor<?x?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  return %0, %1, %2 : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}
