// RUN: oxide-opt %s --symbol-privatize --print-op-stats --mlir-print-ir-after=symbol-privatize 2>&1 >/dev/null | filecheck %s --check-prefix AFTER
// RUN: oxide-opt %s --symbol-privatize --print-op-stats --mlir-print-ir-before=print-op-stats,symbol-privatize 2>&1 >/dev/null | filecheck %s --check-prefix BEFORE
// RUN: oxide-opt %s --print-op-stats --symbol-privatize --mlir-print-ir-after-change 2>&1 >/dev/null | filecheck %s --check-prefix CHANGE
// RUN: oxide-opt %s --print-op-stats --symbol-privatize --mlir-print-ir-after-all --mlir-print-ir-before-all 2>&1 >/dev/null | filecheck %s --check-prefix ALL
// RUN: not oxide-opt %s --print-op-stats --stablehlo-refine-arguments='types=tensor<f32>' --mlir-print-ir-after-failure 2>&1 | filecheck %s --check-prefix FAILURE

// AFTER-NOT: IR Dump Before
// AFTER: // -----// IR Dump After SymbolPrivatize (symbol-privatize) //----- //
// AFTER: func.func private @main
// AFTER-NOT: IR Dump

// BEFORE: // -----// IR Dump Before SymbolPrivatize (symbol-privatize) //----- //
// BEFORE: func.func @main
// BEFORE: // -----// IR Dump Before PrintOpStats (print-op-stats) //----- //
// BEFORE: func.func private @main
// BEFORE-NOT: IR Dump

// CHANGE-NOT: IR Dump After PrintOpStats
// CHANGE: IR Dump After SymbolPrivatize

// ALL: IR Dump Before PrintOpStats
// ALL: IR Dump After PrintOpStats
// ALL: IR Dump Before SymbolPrivatize
// ALL: IR Dump After SymbolPrivatize

// FAILURE-NOT: IR Dump After PrintOpStats
// FAILURE: // -----// IR Dump After StablehloRefineArguments Failed (stablehlo-refine-arguments) //----- //
func.func @main() {
  return
}
