// A failing run leaves an existing output file as it was.
// RUN: oxide-opt %s -o %t.mlir
// RUN: not oxide-opt %s --stablehlo-refine-arguments='types=tensor<f32>' --symbol-dce -o %t.mlir
// RUN: filecheck %s < %t.mlir

// CHECK: @main
func.func @main() {
  return
}
