// RUN: not oxide-opt %s --no-implicit-module 2>&1 | filecheck %s
// RUN: oxide-opt %s | oxide-opt --no-implicit-module

// CHECK: the input is a func.func, not a builtin.module
func.func @main() {
  return
}
