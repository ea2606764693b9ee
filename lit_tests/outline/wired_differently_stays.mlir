// RUN: oxide-opt %s --outline=min-ops=4 --remarks 2>&1 | filecheck %s

// The same operations, but the last one reads another of the first two.
// CHECK-NOT: call
// CHECK: remark: outline: 4 operations stay, they occur 2 times but read one another differently
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32>
  %1 = stablehlo.cosine %0 : tensor<4xf32>
  %2 = stablehlo.tanh %1 : tensor<4xf32>
  %3 = stablehlo.subtract %2, %0 : tensor<4xf32>
  %4 = stablehlo.sine %3 : tensor<4xf32>
  %5 = stablehlo.cosine %4 : tensor<4xf32>
  %6 = stablehlo.tanh %5 : tensor<4xf32>
  %7 = stablehlo.subtract %6, %5 : tensor<4xf32>
  return %7 : tensor<4xf32>
}
