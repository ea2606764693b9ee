// RUN: %status 1 oxide-opt %s --verify-diagnostics 2>&1 | filecheck %s
// RUN: %status 0 oxide-opt %s --verify-diagnostics=only-expected

// CHECK: verify_diagnostics_unexpected.mlir:6:10: error: unexpected error: use of undeclared SSA value name
func.func @main() {
  return %x : i32
}
