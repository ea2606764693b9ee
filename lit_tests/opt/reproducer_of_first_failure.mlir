// Chunks behind the one that fails neither remove nor overwrite its reproducer.
// RUN: not oxide-opt %s --split-input-file --inline --mlir-pass-pipeline-crash-reproducer=%t.mlir | filecheck %s
// RUN: filecheck %s --check-prefix REPRODUCER < %t.mlir

// CHECK-NOT: @endless
// CHECK: @second
// CHECK-NOT: @endless
// REPRODUCER: @endless
func.func @endless() {
  call @endless() : () -> ()
  return
}

// -----

func.func @second() {
  return
}

// -----

func.func @endless_too() {
  call @endless_too() : () -> ()
  return
}
