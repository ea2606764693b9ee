// RUN: oxide-opt %s --simplify=reassociate | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// CHECK: %[[X:.+]] = stablehlo.concatenate %arg0, %arg1, dim = 1 : (tensor<2x3xf32>, tensor<2x4xf32>)
// CHECK: %[[W:.+]] = stablehlo.concatenate %arg2, %arg3, dim = 0 : (tensor<3x8xf32>, tensor<4x8xf32>)
// CHECK: %[[Y:.+]] = stablehlo.dot_general %[[X]], %[[W]], contracting_dims = [1] x [0]
// CHECK-NEXT: return %[[Y]]

// KEPT: sum-of-products: stablehlo.add stays, it needs reassociate
// KEPT: stablehlo.add
func.func @main(%x: tensor<2x3xf32>, %h: tensor<2x4xf32>, %v: tensor<3x8xf32> {oxide.param = "v"},
                %w: tensor<4x8xf32> {oxide.param = "w"}) -> tensor<2x8xf32> {
  %0 = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x8xf32>) -> tensor<2x8xf32>
  %1 = stablehlo.dot_general %h, %w, contracting_dims = [1] x [0]
    : (tensor<2x4xf32>, tensor<4x8xf32>) -> tensor<2x8xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x8xf32>
  return %2 : tensor<2x8xf32>
}
