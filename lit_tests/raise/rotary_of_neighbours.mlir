// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.+]] = stablehlo.composite "oxide.rotary" %arg0, %{{.+}}, %{{.+}} {composite_attributes = {interleaved = true}
// CHECK-NEXT: return %[[Y]]
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
  %d1 = stablehlo.reshape %d : (tensor<2x3x4xf32>) -> tensor<2x3x4x1xf32>
  %e1 = stablehlo.reshape %e : (tensor<2x3x4xf32>) -> tensor<2x3x4x1xf32>
  %j = stablehlo.concatenate %d1, %e1, dim = 3 : (tensor<2x3x4x1xf32>, tensor<2x3x4x1xf32>) -> tensor<2x3x4x2xf32>
  %y = stablehlo.reshape %j : (tensor<2x3x4x2xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}
