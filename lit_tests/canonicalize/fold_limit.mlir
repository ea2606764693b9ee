// RUN: oxide-opt %s --canonicalize=fold-limit=4 | filecheck %s

// A result over the limit stays, unless it is a splat.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.add
// CHECK-NOT: stablehlo.multiply
// CHECK: return
func.func @main() -> (tensor<5xi32>, tensor<500xi32>) {
  %0 = stablehlo.constant dense<[1, 2, 3, 4, 5]> : tensor<5xi32>
  %1 = stablehlo.add %0, %0 : tensor<5xi32>
  %2 = stablehlo.constant dense<3> : tensor<500xi32>
  %3 = stablehlo.multiply %2, %2 : tensor<500xi32>
  return %1, %3 : tensor<5xi32>, tensor<500xi32>
}
