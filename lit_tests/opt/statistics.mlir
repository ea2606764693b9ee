// Every rule that was tried says how often it was, and how often it rewrote something.
// RUN: oxide-opt %s --canonicalize --print-op-stats --mlir-pass-statistics 2>&1 >/dev/null | filecheck %s

// CHECK: ... Pass statistics report ...
// CHECK: Canonicalize (canonicalize)
// CHECK-NOT: 0 tries
// CHECK: (R) transpose-of-transpose {{ +}}1 tries{{ +}}1 hits
// CHECK: PrintOpStats (print-op-stats)
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}
