// RUN: oxide-opt %s --canonicalize --cse --dce --print-diff 2>&1 >/dev/null | filecheck %s --match-full-lines
// RUN: oxide-opt %s --canonicalize --cse --print-diff=cse 2>&1 >/dev/null | filecheck %s --check-prefix CSE
// RUN: %status 2 oxide-opt %s --cse --print-diff=csee 2>&1 | filecheck %s --check-prefix UNKNOWN

// A function that did not change is left out, and so is a pass that changed nothing.  Values keep their numbers.
// CHECK: // -----// IR Diff After Canonicalize (canonicalize) //----- //
// CHECK-NEXT: --- @main before
// CHECK-NEXT: +++ @main after
// CHECK-NEXT: @@ {{.*}} @@
// CHECK-NEXT:  func.func @main(%arg0: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT: -  %old0 = stablehlo.negate %arg0 : tensor<f32>
// CHECK-NEXT: -  %old1 = stablehlo.negate %old0 : tensor<f32>
// CHECK-NEXT: -  %0 = stablehlo.sine %old1 : tensor<f32>
// CHECK-NEXT: -  %1 = stablehlo.sine %old1 : tensor<f32>
// CHECK-NEXT: +  %0 = stablehlo.sine %arg0 : tensor<f32>
// CHECK-NEXT: +  %1 = stablehlo.sine %arg0 : tensor<f32>
// CHECK-NEXT:    %2 = stablehlo.add %0, %1 : tensor<f32>
// CHECK-NEXT:    return %2 : tensor<f32>
// CHECK-NEXT:  }
// CHECK-EMPTY:
// CHECK-NEXT: // -----// IR Diff After CommonSubexpressions (cse) //----- //
// CHECK-NEXT: --- @main before
// CHECK-NOT: @same
// CHECK-NOT: (dce)

// CSE-NOT: canonicalize
// CSE: IR Diff After CommonSubexpressions (cse)

// UNKNOWN: unknown pass csee; did you mean cse
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %0 = stablehlo.negate %x : tensor<f32>
  %1 = stablehlo.negate %0 : tensor<f32>
  %2 = stablehlo.sine %1 : tensor<f32>
  %3 = stablehlo.sine %1 : tensor<f32>
  %4 = stablehlo.add %2, %3 : tensor<f32>
  return %4 : tensor<f32>
}
func.func @same(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
