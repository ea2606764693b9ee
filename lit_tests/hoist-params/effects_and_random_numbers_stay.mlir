// RUN: oxide-opt %s --hoist-params --remarks 2>&1 | filecheck %s

// CHECK-NOT: @prepare
// CHECK: remark: hoist-params: stablehlo.custom_call of weights stays, it may have effects
// CHECK: remark: hoist-params: stablehlo.rng_bit_generator of weights stays, it is not moved past others
func.func @main(%x: tensor<2xui64>, %w: tensor<2xui64> {oxide.param = "seed"})
    -> (tensor<2xui64>, tensor<2xui64>, tensor<4xui32>) {
  %0 = stablehlo.custom_call @unknown(%w) : (tensor<2xui64>) -> tensor<2xui64>
  %1 = stablehlo.add %x, %0 : tensor<2xui64>
  %2, %3 = stablehlo.rng_bit_generator %w, algorithm = THREE_FRY : (tensor<2xui64>) -> (tensor<2xui64>, tensor<4xui32>)
  return %1, %2, %3 : tensor<2xui64>, tensor<2xui64>, tensor<4xui32>
}
