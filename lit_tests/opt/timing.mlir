// RUN: oxide-opt %s --symbol-privatize --mlir-timing 2>&1 >/dev/null | filecheck %s
// RUN: oxide-opt %s --symbol-privatize --mlir-timing --verify-each=false 2>&1 >/dev/null | filecheck %s --check-prefix UNVERIFIED

// CHECK: ... Execution time report ...
// CHECK: Total Execution Time: {{[0-9]+\.[0-9]+}} seconds
// CHECK: ----Wall Time----  ----Name----
// CHECK-NEXT: {{[0-9.]+ \([ 0-9.]+%\)}}  Parser
// CHECK-NEXT: SymbolPrivatize (symbol-privatize)
// CHECK-NEXT: (V) after SymbolPrivatize (symbol-privatize)
// CHECK-NEXT: Output
// CHECK-NEXT: Rest
// CHECK-NEXT: (100.0%) Total
// UNVERIFIED: SymbolPrivatize
// UNVERIFIED-NEXT: Output
func.func @main() {
  return
}
