// RUN: oxide-opt %s --outline=min-ops=3 | filecheck %s

// Sizes that are computed inside of a part stay inside of it.
// CHECK: func.func @main(%[[X:[^:]+]]: tensor<?x4xf32>
// CHECK-NEXT: %[[A:.+]] = call @block(%[[X]], %{{.+}})
// CHECK-NEXT: %[[B:.+]] = call @block(%[[A]], %{{.+}})
// CHECK-NEXT: return %[[B]]
// CHECK: func.func private @block(%{{.+}}: tensor<?x4xf32>, %{{.+}}: tensor<4xf32>) -> tensor<?x4xf32>
// CHECK: stablehlo.get_dimension_size
// CHECK: stablehlo.dynamic_broadcast_in_dim
func.func @main(%x: tensor<?x4xf32>, %v: tensor<4xf32> {oxide.param = "v"}, %w: tensor<4xf32> {oxide.param = "w"})
    -> tensor<?x4xf32> {
  %four = stablehlo.constant dense<4> : tensor<1xi32>
  %0 = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x4xf32>) -> tensor<i32>
  %1 = stablehlo.reshape %0 : (tensor<i32>) -> tensor<1xi32>
  %2 = stablehlo.concatenate %1, %four, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %3 = stablehlo.dynamic_broadcast_in_dim %v, %2, dims = [1] : (tensor<4xf32>, tensor<2xi32>) -> tensor<?x4xf32>
  %4 = stablehlo.multiply %x, %3 : tensor<?x4xf32>
  %5 = stablehlo.tanh %4 : tensor<?x4xf32>
  %6 = stablehlo.get_dimension_size %5, dim = 0 : (tensor<?x4xf32>) -> tensor<i32>
  %7 = stablehlo.reshape %6 : (tensor<i32>) -> tensor<1xi32>
  %8 = stablehlo.concatenate %7, %four, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %9 = stablehlo.dynamic_broadcast_in_dim %w, %8, dims = [1] : (tensor<4xf32>, tensor<2xi32>) -> tensor<?x4xf32>
  %10 = stablehlo.multiply %5, %9 : tensor<?x4xf32>
  %11 = stablehlo.tanh %10 : tensor<?x4xf32>
  return %11 : tensor<?x4xf32>
}
