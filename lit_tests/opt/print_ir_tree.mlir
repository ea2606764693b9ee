// RUN: rm -rf %t.dir
// RUN: oxide-opt %s --print-op-stats --symbol-privatize --mlir-print-ir-tree-dir=%t.dir
// RUN: oxide-opt %t.dir/builtin_module_net/0_print-op-stats.mlir | filecheck %s --check-prefix FIRST
// RUN: oxide-opt %t.dir/builtin_module_net/1_symbol-privatize.mlir | filecheck %s --check-prefix SECOND

// FIRST: func.func @main
// SECOND: func.func private @main
module @net {
  func.func @main() {
    return
  }
}
