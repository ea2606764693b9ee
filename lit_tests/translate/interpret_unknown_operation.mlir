// The interpreter ends its process here; the tool reports and exits as always.
// RUN: %status 1 oxide-translate --interpret %s
// RUN: not oxide-translate --interpret %s 2>&1 | filecheck %s

// CHECK: oxide-translate: error: the StableHLO interpreter cannot run this module: Unsupported op: {{.*}}@nobody
func.func @main() -> tensor<2xf32> {
  %0 = stablehlo.custom_call @nobody() : () -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
