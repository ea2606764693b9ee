// RUN: oxide-opt %s --outline=min-ops=4 | filecheck %s

// CHECK: call @block
// CHECK-NEXT: call @block
// CHECK: func.func private @block
// CHECK: stablehlo.composite "oxide.silu" %{{.+}} {decomposition = @silu}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32>
  %1 = stablehlo.composite "oxide.silu" %0 {decomposition = @silu} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = stablehlo.tanh %1 : tensor<4xf32>
  %3 = stablehlo.abs %2 : tensor<4xf32>
  %4 = stablehlo.sine %3 : tensor<4xf32>
  %5 = stablehlo.composite "oxide.silu" %4 {decomposition = @silu} : (tensor<4xf32>) -> tensor<4xf32>
  %6 = stablehlo.tanh %5 : tensor<4xf32>
  %7 = stablehlo.abs %6 : tensor<4xf32>
  return %7 : tensor<4xf32>
}
func.func private @silu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.logistic %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
