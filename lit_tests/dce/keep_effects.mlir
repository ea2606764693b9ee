// RUN: oxide-opt %s --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.custom_call @log
// CHECK: stablehlo.infeed
// CHECK: return
func.func @main(%x: tensor<2xf32>, %t: !stablehlo.token) -> tensor<2xf32> {
  %0 = stablehlo.custom_call @log(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %1:2 = "stablehlo.infeed"(%t) {infeed_config = ""} : (!stablehlo.token) -> (tensor<2xf32>, !stablehlo.token)
  return %x : tensor<2xf32>
}
