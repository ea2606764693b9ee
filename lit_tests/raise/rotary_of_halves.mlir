// RUN: oxide-opt %s --raise --dce | filecheck %s

// As Hugging Face's models have it: x cos + [-b, a] sin, of the first six elements of eight.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[X:.+]] = stablehlo.slice %arg0 [0:2, 0:3, 0:6]
// CHECK: %[[C:.+]] = stablehlo.reshape %arg1 : (tensor<3x6xf32>) -> tensor<1x3x6xf32>
// CHECK: %[[S:.+]] = stablehlo.reshape %arg2 : (tensor<3x6xf32>) -> tensor<1x3x6xf32>
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.rotary" %[[X]], %[[C]], %[[S]] {composite_attributes = {interleaved = false}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<2x3x8xf32>, %cos: tensor<3x6xf32>, %sin: tensor<3x6xf32>) -> tensor<2x3x6xf32> {
  %c = stablehlo.broadcast_in_dim %cos, dims = [1, 2] : (tensor<3x6xf32>) -> tensor<2x3x6xf32>
  %s = stablehlo.broadcast_in_dim %sin, dims = [1, 2] : (tensor<3x6xf32>) -> tensor<2x3x6xf32>
  %whole = stablehlo.slice %x [0:2, 0:3, 0:6] : (tensor<2x3x8xf32>) -> tensor<2x3x6xf32>
  %a = stablehlo.slice %x [0:2, 0:3, 0:3] : (tensor<2x3x8xf32>) -> tensor<2x3x3xf32>
  %b = stablehlo.slice %x [0:2, 0:3, 3:6] : (tensor<2x3x8xf32>) -> tensor<2x3x3xf32>
  %n = stablehlo.negate %b : tensor<2x3x3xf32>
  %t = stablehlo.concatenate %n, %a, dim = 2 : (tensor<2x3x3xf32>, tensor<2x3x3xf32>) -> tensor<2x3x6xf32>
  %xc = stablehlo.multiply %whole, %c : tensor<2x3x6xf32>
  %ts = stablehlo.multiply %t, %s : tensor<2x3x6xf32>
  %y = stablehlo.add %xc, %ts : tensor<2x3x6xf32>
  return %y : tensor<2x3x6xf32>
}
