// Chunks are processed one by one; diagnostics carry the lines of the whole file.
// RUN: oxide-opt %s --split-input-file --symbol-privatize --verify-diagnostics | filecheck %s

// CHECK: func.func private @first
// CHECK: // -----
// CHECK: func.func private @third
func.func @first() {
  return
}

// -----

func.func @second() {
  return %x : i32 // expected-error {{use of undeclared SSA value name}}
}

// -----

func.func @third() {
  return
}
