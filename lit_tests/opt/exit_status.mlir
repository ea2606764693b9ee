// RUN: %status 0 oxide-opt %s
// RUN: %status 1 oxide-opt %s --stablehlo-refine-arguments='types=tensor<f32>'
// RUN: %status 1 oxide-opt %s.missing
// RUN: %status 2 oxide-opt %s --no-such-flag
// RUN: not oxide-opt %s.missing
func.func @main() {
  return
}
