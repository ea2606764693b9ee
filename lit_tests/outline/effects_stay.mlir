// RUN: oxide-opt %s --outline=min-ops=2 | filecheck %s

// CHECK-NOT: call @block
// CHECK: return
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32>
  %1 = stablehlo.custom_call @unknown(%0) {has_side_effect = true} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = stablehlo.sine %1 : tensor<4xf32>
  %3 = stablehlo.custom_call @unknown(%2) {has_side_effect = true} : (tensor<4xf32>) -> tensor<4xf32>
  %4 = stablehlo.sine %3 : tensor<4xf32>
  %5 = stablehlo.custom_call @unknown(%4) {has_side_effect = true} : (tensor<4xf32>) -> tensor<4xf32>
  return %5 : tensor<4xf32>
}
