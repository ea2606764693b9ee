// RUN: oxide-opt %s --simplify=reassociate --hoist-params --remarks 2>&1 | filecheck %s

// Two layers without anything between are one, but low rank is not undone.
// CHECK: product-chain: 70 multiplications become 20
// CHECK: @main(%arg0: tensor<2x5xf32>, %arg1: tensor<2x64xf32>, {{.+}}: tensor<5x2xf32> {oxide.param = "
// CHECK-COUNT-3: stablehlo.dot_general
// CHECK-NOT: stablehlo.dot_general
func.func @main(%x: tensor<2x5xf32>, %y: tensor<2x64xf32>, %v: tensor<5x5xf32> {oxide.param = "v"},
                %w: tensor<5x2xf32> {oxide.param = "w"}, %a: tensor<64x2xf32> {oxide.param = "a"},
                %b: tensor<2x64xf32> {oxide.param = "b"}) -> (tensor<2x2xf32>, tensor<2x64xf32>) {
  %0 = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0]
    : (tensor<2x5xf32>, tensor<5x5xf32>) -> tensor<2x5xf32>
  %1 = stablehlo.dot_general %0, %w, contracting_dims = [1] x [0]
    : (tensor<2x5xf32>, tensor<5x2xf32>) -> tensor<2x2xf32>
  %2 = stablehlo.dot_general %y, %a, contracting_dims = [1] x [0]
    : (tensor<2x64xf32>, tensor<64x2xf32>) -> tensor<2x2xf32>
  %3 = stablehlo.dot_general %2, %b, contracting_dims = [1] x [0]
    : (tensor<2x2xf32>, tensor<2x64xf32>) -> tensor<2x64xf32>
  return %1, %3 : tensor<2x2xf32>, tensor<2x64xf32>
}
