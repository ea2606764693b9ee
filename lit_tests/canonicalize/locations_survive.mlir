// RUN: oxide-opt %s --canonicalize --mlir-print-debuginfo | filecheck %s

// A rewritten operation keeps the location of the one it replaces.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.multiply {{.*}} loc(#[[L:.+]])
// CHECK: #[[L]] = loc("scale_layer")
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %c = stablehlo.constant dense<2.0> : tensor<2xf32>
  %0 = stablehlo.multiply %c, %x : tensor<2xf32> loc("scale_layer")
  return %0 : tensor<2xf32>
}
