// RUN: oxide-opt %s --raise --dce | filecheck %s

// Read as neighbours and written as halves: no rotary embedding.
// CHECK-LABEL: func.func @main
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<2x3x8xf32>, %cos: tensor<3x4xf32>, %sin: tensor<3x4xf32>) -> tensor<2x3x8xf32> {
  %c = stablehlo.broadcast_in_dim %cos, dims = [1, 2] : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %s = stablehlo.broadcast_in_dim %sin, dims = [1, 2] : (tensor<3x4xf32>) -> tensor<2x3x4xf32>
  %p = stablehlo.reshape %x : (tensor<2x3x8xf32>) -> tensor<2x3x4x2xf32>
  %a1 = stablehlo.slice %p [0:2, 0:3, 0:4, 0:1] : (tensor<2x3x4x2xf32>) -> tensor<2x3x4x1xf32>
  %b1 = stablehlo.slice %p [0:2, 0:3, 0:4, 1:2] : (tensor<2x3x4x2xf32>) -> tensor<2x3x4x1xf32>
  %a = stablehlo.reshape %a1 : (tensor<2x3x4x1xf32>) -> tensor<2x3x4xf32>
  %b = stablehlo.reshape %b1 : (tensor<2x3x4x1xf32>) -> tensor<2x3x4xf32>
  %ac = stablehlo.multiply %a, %c : tensor<2x3x4xf32>
  %bs = stablehlo.multiply %b, %s : tensor<2x3x4xf32>
  %as = stablehlo.multiply %a, %s : tensor<2x3x4xf32>
  %bc = stablehlo.multiply %b, %c : tensor<2x3x4xf32>
  %d = stablehlo.subtract %ac, %bs : tensor<2x3x4xf32>
  %e = stablehlo.add %bc, %as : tensor<2x3x4xf32>
  %y = stablehlo.concatenate %d, %e, dim = 2 : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}
