// Every operation that is not StableHLO is named and located; the old output file stays.
// RUN: echo old > %t
// RUN: not oxide-translate --serialize %s -o %t 2>&1 | filecheck %s
// RUN: filecheck %s --check-prefix=FILE < %t

// FILE: old
// CHECK: error: a portable artefact cannot hold arith.addf, math.sin; lower it first
// CHECK-NEXT: serialize_refuses_other_dialects.mlir:[[# @LINE + 3]]:8: error: math.sin is not StableHLO
// CHECK-NEXT: serialize_refuses_other_dialects.mlir:[[# @LINE + 3]]:8: error: arith.addf is not StableHLO
func.func @main(%x: f32) -> f32 {
  %0 = math.sin %x : f32
  %1 = arith.addf %0, %x : f32
  return %1 : f32
}
