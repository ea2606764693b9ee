// RUN: oxide-opt %s --refine-shapes | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.tanh %{{.+}} : tensor<4xf32>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %n = stablehlo.constant dense<4> : tensor<1xi32>
  %0 = stablehlo.dynamic_reshape %x, %n : (tensor<4xf32>, tensor<1xi32>) -> tensor<?xf32>
  %1 = stablehlo.tanh %0 : tensor<?xf32>
  %2 = stablehlo.convert %1 : (tensor<?xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
