// RUN: oxide-opt %s --verify-diagnostics

func.func @main(%x: tensor<2xf32>) -> tensor<3xf32> {
  // expected-error-re@+2 {{type of return operand 0 ('tensor<{{[0-9]+}}xf32>') doesn't match {{.*}} in function @main}}
  // expected-note-re@+1 {{{{^see}} current operation}}
  return %x : tensor<2xf32>
}
