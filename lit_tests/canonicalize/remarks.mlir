// A remark for each rewrite, and for each rule that all but applies; both at the operation's place.
// RUN: oxide-opt %s --canonicalize --remarks --verify-diagnostics

func.func @main(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<3xf32>
  %0 = stablehlo.negate %x : tensor<3xf32>
  // expected-remark@+1 {{involution: stablehlo.negate rewritten}}
  %1 = stablehlo.negate %0 : tensor<3xf32>
  // expected-remark@+1 {{times-zero: stablehlo.multiply stays, it needs fast-math=nnan,nsz}}
  %2 = stablehlo.multiply %x, %zero : tensor<3xf32>
  return %1, %2 : tensor<3xf32>, tensor<3xf32>
}
