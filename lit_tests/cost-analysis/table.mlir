// RUN: oxide-opt --cost-analysis %s 2>&1 >/dev/null | filecheck %s
// RUN: oxide-opt --cost-analysis=report=json %s 2>&1 >/dev/null | filecheck %s --check-prefix=JSON
// RUN: oxide-opt --cost-analysis=output=%t.txt %s && filecheck %s < %t.txt

// Operations by name, a fusion as one operation with what it reads and writes, and the total.

// CHECK:      operation              count  FLOPs  transcendentals  bytes  FLOP/byte
// CHECK-NEXT: func.return                1      0                0      0
// CHECK-NEXT: oxide.fusion               1     16               16    128       0.25
// CHECK-NEXT: stablehlo.dot_general      1    256                0    320        0.8
// CHECK-NEXT: total                      3    272               16    448      0.643

// JSON:      "flops": 272,
// JSON-NEXT: "transcendentals": 16,
// JSON-NEXT: "bytes": 448,
// JSON-NEXT: "intensity": 0.6428571428571429,
// JSON:      "operation": "oxide.fusion",
// JSON-NEXT: "location": "loc(\"activation\")",
func.func @main(%x: tensor<4x8xf32>, %w: tensor<8x4xf32>) -> tensor<4x4xf32> {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %1 = stablehlo.composite "oxide.fusion" %0 {composite_attributes = {kind = "loop"}, decomposition = @body} : (tensor<4x4xf32>) -> tensor<4x4xf32> loc("activation")
  return %1 : tensor<4x4xf32>
}
func.func private @body(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = stablehlo.tanh %x : tensor<4x4xf32>
  %1 = stablehlo.add %0, %x : tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}
