// RUN: oxide-opt %s --simplify=reassociate | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// Through the product of two products, to the weight and the bias of one of them.
// CHECK: %[[W:.+]] = stablehlo.multiply %arg1, %{{.+}} : tensor<3x4xf32>
// CHECK: %[[Q:.+]] = stablehlo.dot_general %arg0, %[[W]]
// CHECK: %[[B:.+]] = stablehlo.multiply %arg2, %{{.+}} : tensor<4xf32>
// CHECK: stablehlo.broadcast_in_dim %[[B]]
// CHECK: %[[S:.+]] = stablehlo.dot_general %arg3
// CHECK-NEXT: return %[[S]]

// KEPT: scaled-product: stablehlo.multiply stays, it needs reassociate
// KEPT: stablehlo.multiply
func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x4xf32> {oxide.param = "w"},
                %b: tensor<4xf32> {oxide.param = "b"}, %k: tensor<2x4xf32>) -> tensor<2x2xf32> {
  %c = stablehlo.constant dense<0.3> : tensor<2x2xf32>
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<4xf32>) -> tensor<2x4xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x4xf32>
  %3 = stablehlo.transpose %2, dims = [1, 0] : (tensor<2x4xf32>) -> tensor<4x2xf32>
  %4 = stablehlo.dot_general %k, %3, contracting_dims = [1] x [0]
    : (tensor<2x4xf32>, tensor<4x2xf32>) -> tensor<2x2xf32>
  %5 = stablehlo.multiply %4, %c : tensor<2x2xf32>
  return %5 : tensor<2x2xf32>
}
