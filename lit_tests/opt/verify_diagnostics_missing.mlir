// RUN: %status 1 oxide-opt %s --verify-diagnostics 2>&1 | filecheck %s

// CHECK: verify_diagnostics_missing.mlir:4:4: error: expected error "never comes" was not produced
// expected-error {{never comes}}
func.func @main() {
  return
}
