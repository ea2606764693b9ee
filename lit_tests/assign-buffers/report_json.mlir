// RUN: oxide-opt %s '--assign-buffers=results=arena report=json' -o %t 2>&1 | filecheck %s

// CHECK: "arena_bytes": 448
// CHECK: "lower_bound_bytes": 448
// CHECK: "no_reuse_bytes": 448
// CHECK: "operation": "stablehlo.exponential"
func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  return %0 : tensor<100xf32>
}
