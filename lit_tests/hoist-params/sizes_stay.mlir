// RUN: oxide-opt %s --hoist-params | filecheck %s

// What a size comes from stays in place, where shapes are found.
// CHECK-NOT: @prepare
func.func @main(%x: tensor<?xf32>) -> tensor<?x?xf32> {
  %0 = stablehlo.iota dim = 0 : tensor<2xi32>
  %1 = stablehlo.constant dense<3> : tensor<2xi32>
  %2 = stablehlo.add %0, %1 : tensor<2xi32>
  %3 = stablehlo.multiply %2, %1 : tensor<2xi32>
  %4 = stablehlo.dynamic_reshape %x, %3 : (tensor<?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  return %4 : tensor<?x?xf32>
}
