// The reproducer of a failure holds its input and the whole pipeline; running it fails in the same way.
// RUN: not oxide-opt %s --symbol-privatize=exclude=main --stablehlo-refine-arguments='types=tensor<f32>' --mlir-pass-pipeline-crash-reproducer=%t.mlir
// RUN: filecheck %s < %t.mlir
// RUN: not oxide-opt --run-reproducer %t.mlir 2>&1 | filecheck %s --check-prefix AGAIN
// A later success removes it.
// RUN: oxide-opt %s --symbol-privatize --mlir-pass-pipeline-crash-reproducer=%t.mlir
// RUN: not oxide-opt %t.mlir
// A file without a pipeline is not run.
// RUN: %status 1 oxide-opt --run-reproducer %s 2>&1 | filecheck %s --check-prefix NONE

// CHECK: func.func @helper
// CHECK: mlir_reproducer: {
// CHECK-NEXT: pipeline: "builtin.module(symbol-privatize{exclude=main},stablehlo-refine-arguments{types=tensor<f32>})",
// CHECK: verify_each: true
// AGAIN: pass stablehlo-refine-arguments failed
// NONE: is no reproducer
func.func @main() {
  return
}
func.func @helper() {
  return
}
