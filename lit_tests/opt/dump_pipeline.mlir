// The dumped pipeline is the one that runs: named pipelines are replaced by their passes, defaults left out.
// RUN: oxide-opt %s --print-op-stats=json=false --symbol-privatize="exclude=main,keep" --dump-pass-pipeline 2>&1 >/dev/null | filecheck %s --check-prefix FLAGS
// RUN: oxide-opt %s --pass-pipeline=default --dump-pass-pipeline 2>&1 >/dev/null | filecheck %s --check-prefix NAMED
// RUN: oxide-opt %s --default --dump-pass-pipeline 2>&1 >/dev/null | filecheck %s --check-prefix NAMED

// FLAGS: builtin.module(print-op-stats,symbol-privatize{exclude=main,keep})
// NAMED: builtin.module({{.*}}canonicalize{{.*}}cse{{.*}})
func.func @main() {
  return
}
