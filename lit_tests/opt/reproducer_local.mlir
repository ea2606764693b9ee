// RUN: not oxide-opt %s --symbol-privatize=exclude=main --stablehlo-refine-arguments='types=tensor<f32>' --mlir-pass-pipeline-crash-reproducer=%t.mlir --mlir-pass-pipeline-local-reproducer
// RUN: filecheck %s < %t.mlir

// CHECK: func.func private @helper
// CHECK: pipeline: "builtin.module(stablehlo-refine-arguments{types=tensor<f32>})",
func.func @main() {
  return
}
func.func @helper() {
  return
}
