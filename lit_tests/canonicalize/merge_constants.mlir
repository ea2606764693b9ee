// Equal constants of a block are one, and a branch shares those of the block around it; a reduction keeps its own.
// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: stablehlo.constant dense<2.000000e+00> : tensor<3xf32>
// CHECK-NOT: stablehlo.constant dense<2.000000e+00> : tensor<3xf32>
func.func @main(%p: tensor<i1>, %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = "stablehlo.if"(%p) ({
    %c = stablehlo.constant dense<2.0> : tensor<3xf32>
    %a = stablehlo.multiply %x, %c : tensor<3xf32>
    stablehlo.return %a : tensor<3xf32>
  }, {
    %a = stablehlo.tanh %x : tensor<3xf32>
    stablehlo.return %a : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  %d = stablehlo.constant dense<2.0> : tensor<3xf32>
  %e = stablehlo.constant dense<2.0> : tensor<3xf32>
  %1 = stablehlo.add %0, %d : tensor<3xf32>
  %2 = stablehlo.power %0, %e : tensor<3xf32>
  return %1, %2 : tensor<3xf32>, tensor<3xf32>
}
