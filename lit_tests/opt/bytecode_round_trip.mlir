// Bytecode keeps everything, locations included.
// RUN: oxide-opt %s --emit-bytecode -o %t.mlirbc
// RUN: oxide-opt %t.mlirbc --mlir-print-debuginfo > %t.from_bytecode
// RUN: oxide-opt %s --mlir-print-debuginfo > %t.from_text
// RUN: diff %t.from_bytecode %t.from_text
// RUN: %status 2 oxide-opt %t.mlirbc --split-input-file 2>&1 | filecheck %s

// CHECK: --split-input-file needs text input, this is bytecode
func.func @main(%x: tensor<2xf32> {oxide.name = "x"}) -> tensor<2xf32> {
  %0 = stablehlo.add %x, %x : tensor<2xf32> loc("twice")
  return %0 : tensor<2xf32>
}
