// RUN: oxide-opt %s --hoist-params=max-growth=16 --hoist-params=max-growth=16 | filecheck %s

// The smaller one moves; the second run knows that nothing is left of the allowance.
// CHECK: func.func public @prepare(%{{.+}}: tensor<8xf16> {oxide.param = "small"})
// CHECK: func.func @main
// CHECK-SAME: oxide.param = "large"
// CHECK: stablehlo.convert
func.func @main(%x: tensor<9xf32>, %y: tensor<8xf32>, %a: tensor<9xf16> {oxide.param = "large"},
    %b: tensor<8xf16> {oxide.param = "small"}) -> (tensor<9xf32>, tensor<8xf32>) {
  %0 = stablehlo.convert %a : (tensor<9xf16>) -> tensor<9xf32>
  %1 = stablehlo.convert %b : (tensor<8xf16>) -> tensor<8xf32>
  %2 = stablehlo.multiply %x, %0 : tensor<9xf32>
  %3 = stablehlo.multiply %y, %1 : tensor<8xf32>
  return %2, %3 : tensor<9xf32>, tensor<8xf32>
}
