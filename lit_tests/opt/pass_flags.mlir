// Flags run in the order they stand in, with one dash or two, native passes and Oxide's own alike; options
// follow `=` as mlir-opt writes them.
// RUN: oxide-opt --print-op-stats=json --chlo-legalize-to-stablehlo %s -print-op-stats="json=false" 2>&1 >/dev/null | filecheck %s
// RUN: oxide-opt %s --pass-pipeline='builtin.module(print-op-stats{json=true},func.func(chlo-legalize-to-stablehlo),print-op-stats)' 2>&1 >/dev/null | filecheck %s

// CHECK: {
// CHECK: "chlo.tan": 1
// CHECK: }
// CHECK-NEXT: Operations encountered:
// CHECK-NOT: chlo.tan
// CHECK: stablehlo.tan 1
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = chlo.tan %x : tensor<2xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
