// A composite of open sizes is called at two shapes: expanded where it stands, each copy is refined by itself.
// RUN: oxide-opt %s --pass-pipeline="builtin.module(decompose-composites,inline,symbol-dce,stablehlo-refine-arguments{types=tensor<5x3xf32>},stablehlo-refine-shapes,func.func(stablehlo-canonicalize-dynamism))" | filecheck %s

// CHECK-LABEL: func.func public @main
// CHECK-SAME: -> (tensor<5x3xf32>, tensor<3x5xf32>)
// CHECK: stablehlo.broadcast_in_dim {{.*}} -> tensor<5x3xf32>
// CHECK: stablehlo.broadcast_in_dim {{.*}} -> tensor<3x5xf32>
func.func public @main(%x: tensor<?x?xf32> {oxide.name = "x", oxide.shape = "n, m"}) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %t = stablehlo.transpose %x, dims = [1, 0] : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %a = stablehlo.composite "oxide.softmax" %x {composite_attributes = {axis = 1 : i64}, decomposition = @softmax} : (tensor<?x?xf32>) -> tensor<?x?xf32>
  %b = stablehlo.composite "oxide.softmax" %t {composite_attributes = {axis = 1 : i64}, decomposition = @softmax} : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %a, %b : tensor<?x?xf32>, tensor<?x?xf32>
}

func.func private @softmax(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %rows = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x?xf32>) -> tensor<i32>
  %columns = stablehlo.get_dimension_size %x, dim = 1 : (tensor<?x?xf32>) -> tensor<i32>
  %r = stablehlo.reshape %rows : (tensor<i32>) -> tensor<1xi32>
  %c = stablehlo.reshape %columns : (tensor<i32>) -> tensor<1xi32>
  %shape = stablehlo.concatenate %r, %c, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %powers = stablehlo.exponential %x : tensor<?x?xf32>
  %sum = stablehlo.reduce(%powers init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<?x?xf32>, tensor<f32>) -> tensor<?xf32>
  %wide = stablehlo.dynamic_broadcast_in_dim %sum, %shape, dims = [0] : (tensor<?xf32>, tensor<2xi32>) -> tensor<?x?xf32>
  %y = stablehlo.divide %powers, %wide : tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
