// A broadcast to the sizes of its operand is nothing; one after another is one; and -inf is neutral at any size.
// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.+]]: tensor<?x4xf32>{{.*}}%[[Y:.+]]: tensor<?xf32>
// CHECK-NOT: stablehlo.maximum
// CHECK: %[[S:.+]] = stablehlo.concatenate
// CHECK: %[[B:.+]] = stablehlo.dynamic_broadcast_in_dim %[[Y]], %[[S]], dims = [0]
// CHECK-NEXT: %[[R:.+]] = stablehlo.add %[[X]], %[[B]]
// CHECK-NEXT: return %[[R]]
func.func @main(%x: tensor<?x4xf32>, %y: tensor<?xf32>) -> tensor<?x4xf32> {
  %four = stablehlo.constant dense<4> : tensor<1xi32>
  %one = stablehlo.constant dense<1> : tensor<1xi32>
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x4xf32>) -> tensor<i32>
  %1 = stablehlo.reshape %0 : (tensor<i32>) -> tensor<1xi32>
  %own = stablehlo.concatenate %1, %four, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %2 = stablehlo.dynamic_broadcast_in_dim %x, %own, dims = [0, 1] : (tensor<?x4xf32>, tensor<2xi32>) -> tensor<?x4xf32>
  %3 = stablehlo.dynamic_broadcast_in_dim %low, %own, dims = [] : (tensor<f32>, tensor<2xi32>) -> tensor<?x4xf32>
  %4 = stablehlo.maximum %3, %2 : tensor<?x4xf32>
  %column = stablehlo.concatenate %1, %one, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
  %5 = stablehlo.dynamic_broadcast_in_dim %y, %column, dims = [0] : (tensor<?xf32>, tensor<2xi32>) -> tensor<?x1xf32>
  %6 = stablehlo.dynamic_broadcast_in_dim %5, %own, dims = [0, 1] : (tensor<?x1xf32>, tensor<2xi32>) -> tensor<?x4xf32>
  %7 = stablehlo.add %4, %6 : tensor<?x4xf32>
  return %7 : tensor<?x4xf32>
}
