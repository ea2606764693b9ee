// RUN: %status 2 oxide-opt %s --print-op-stat 2>&1 | filecheck %s --check-prefix FLAG
// RUN: %status 2 oxide-opt %s --pass-pipeline='builtin.module(symbol-dcee)' 2>&1 | filecheck %s --check-prefix TEXT
// RUN: %status 2 oxide-opt %s --print-op-stats=jsonn 2>&1 | filecheck %s --check-prefix OPTION
// RUN: %status 2 oxide-opt %s --print-op-stats=json=7 2>&1 | filecheck %s --check-prefix TYPE

// FLAG: oxide-opt: error: unknown flag --print-op-stat; did you mean --print-op-stats?
// TEXT: oxide-opt: error: unknown pass symbol-dcee; did you mean symbol-dce
// OPTION: pass print-op-stats has no option jsonn; did you mean json?
// TYPE: option json of pass print-op-stats takes bool, not '7'
