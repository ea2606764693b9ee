// RUN: not oxide-opt %s 2>&1 | filecheck %s

// CHECK: parse_error_location.mlir:7:10: error: use of undeclared SSA value name
// CHECK-NEXT: return %y : tensor<2xf32>
// CHECK-NEXT: {{^         \^}}
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %y : tensor<2xf32>
}
