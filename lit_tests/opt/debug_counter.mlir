// RUN: oxide-opt %s --canonicalize --debug-counter=rewrite=1 | filecheck %s --check-prefix ONE
// RUN: oxide-opt %s --canonicalize --debug-counter=involution=0 | filecheck %s --check-prefix NONE
// RUN: %status 2 oxide-opt %s --canonicalize --debug-counter=involutoin=1 2>&1 | filecheck %s --check-prefix UNKNOWN
// RUN: %status 2 oxide-opt %s --canonicalize --debug-counter=rewrite 2>&1 | filecheck %s --check-prefix SYNTAX

// ONE-COUNT-2: stablehlo.negate
// ONE-NOT: stablehlo.negate

// NONE-COUNT-4: stablehlo.negate

// UNKNOWN: --debug-counter: no rule is called involutoin; did you mean involution
// SYNTAX: RULE=N,... expected
func.func @main(%x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = stablehlo.negate %x : tensor<f32>
  %1 = stablehlo.negate %0 : tensor<f32>
  %2 = stablehlo.negate %y : tensor<f32>
  %3 = stablehlo.negate %2 : tensor<f32>
  return %1, %3 : tensor<f32>, tensor<f32>
}
