// RUN: oxide-opt %s --simplify=reassociate --remarks 2>&1 | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// The vector goes through both matrices.
// CHECK: product-chain: 576 multiplications become 128
// CHECK-LABEL: @main
// CHECK: %[[R:.+]] = stablehlo.dot_general %arg1, %arg2, contracting_dims = [1] x [0] : (tensor<8x8xf32>, tensor<8xf32>)
// CHECK: stablehlo.dot_general %arg0, %[[R]], contracting_dims = [1] x [0] : (tensor<8x8xf32>, tensor<8xf32>)
// KEPT: product-chain: stablehlo.dot_general stays, it needs reassociate
func.func @main(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %0 = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0]
    : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = stablehlo.dot_general %0, %z, contracting_dims = [1] x [0]
    : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

