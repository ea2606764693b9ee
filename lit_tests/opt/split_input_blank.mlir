// A blank chunk is an empty module.
// RUN: oxide-opt %s --split-input-file | filecheck %s

// CHECK: func.func @main
// CHECK: // -----
// CHECK-NEXT: module {
// CHECK-NEXT: }
func.func @main() {
  return
}

// -----

