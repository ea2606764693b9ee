// RUN: oxide-opt %s --simplify --hoist-params | filecheck %s

// Queries and keys with their biases: one product and one addition.
// CHECK: @main({{.+}}, %[[W:[a-z0-9]+]]: tensor<3x6xf32> {{.+}}, %[[B:[a-z0-9]+]]: tensor<6xf32>
// CHECK-NEXT: %[[P:.+]] = stablehlo.dot_general %arg0, %[[W]]
// CHECK-NEXT: %[[V:.+]] = stablehlo.broadcast_in_dim %[[B]], dims = [1]
// CHECK-NEXT: %[[Y:.+]] = stablehlo.add %[[P]], %[[V]]
// CHECK-NEXT: %[[Q:.+]] = stablehlo.slice %[[Y]] [0:2, 0:4]
// CHECK-NEXT: %[[K:.+]] = stablehlo.slice %[[Y]] [0:2, 4:6]
// CHECK-NEXT: return %[[Q]], %[[K]]
func.func @main(%x: tensor<2x3xf32>, %q: tensor<3x4xf32> {oxide.param = "q"},
                %k: tensor<3x2xf32> {oxide.param = "k"}, %b: tensor<4xf32> {oxide.param = "b"},
                %c: tensor<2xf32> {oxide.param = "c"}) -> (tensor<2x4xf32>, tensor<2x2xf32>) {
  %0 = stablehlo.dot_general %x, %q, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x4xf32>
  %3 = stablehlo.dot_general %x, %k, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %4 = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<2xf32>) -> tensor<2x2xf32>
  %5 = stablehlo.add %4, %3 : tensor<2x2xf32>
  return %2, %5 : tensor<2x4xf32>, tensor<2x2xf32>
}
