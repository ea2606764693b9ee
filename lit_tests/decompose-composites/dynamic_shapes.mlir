// RUN: oxide-opt %s --decompose-composites | filecheck %s

// The body reads its sizes off its own arguments, so it works where it is put.
// CHECK-LABEL: func.func @main
// CHECK: %[[SIZE:.+]] = stablehlo.get_dimension_size %arg0, dim = 0
// CHECK: %[[SHAPE:.+]] = stablehlo.reshape %[[SIZE]]
// CHECK: stablehlo.dynamic_broadcast_in_dim %{{.+}}, %[[SHAPE]], dims = []
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.composite "example.twice" %x {decomposition = @twice} : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func private @twice(%x: tensor<?xf32>) -> tensor<?xf32> {
  %two = stablehlo.constant dense<2.0> : tensor<f32>
  %size = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>
  %shape = stablehlo.reshape %size : (tensor<i32>) -> tensor<1xi32>
  %0 = stablehlo.dynamic_broadcast_in_dim %two, %shape, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<?xf32>
  %1 = stablehlo.multiply %x, %0 : tensor<?xf32>
  return %1 : tensor<?xf32>
}
