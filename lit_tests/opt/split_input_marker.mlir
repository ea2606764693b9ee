// RUN: oxide-opt %s --split-input-file=//=== | filecheck %s

// CHECK: func.func @first
// CHECK: //===
// CHECK: func.func @first
func.func @first() {
  return
}
//===
func.func @first() {
  return
}
