// Remarks are shown, and count for --verify-diagnostics, when they are asked for.
// RUN: oxide-opt %s --fuse --remarks 2>&1 >/dev/null | filecheck %s
// RUN: oxide-opt %s --fuse --remarks --verify-diagnostics
// RUN: oxide-opt %s --fuse 2>&1 | filecheck %s --check-prefix SILENT

// CHECK: remarks.mlir:{{[0-9]+}}:8: remark: loop fusion of 2 operations
// SILENT-NOT: remark:
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = stablehlo.tanh %x : tensor<8xf32>
  // expected-remark@+1 {{loop fusion of 2 operations}}
  %1 = stablehlo.negate %0 : tensor<8xf32>
  return %1 : tensor<8xf32>
}
