// RUN: oxide-opt %s --raise --dce | filecheck %s

// Neighbours as complex numbers times a table of complex numbers, which every batch shares.
// CHECK-LABEL: func.func @main
// CHECK: %[[COS:.+]] = stablehlo.real %arg1
// CHECK: %[[SIN:.+]] = stablehlo.imag %arg1
// CHECK: stablehlo.composite "oxide.rotary" %arg0, %{{.+}}, %{{.+}} {composite_attributes = {interleaved = true}
// CHECK-SAME: (tensor<2x3x8xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>)
func.func @main(%x: tensor<2x3x8xf32>, %turns: tensor<3x4xcomplex<f32>>) -> tensor<2x3x8xf32> {
  %a = stablehlo.slice %x [0:2, 0:3, 0:8:2] : (tensor<2x3x8xf32>) -> tensor<2x3x4xf32>
  %b = stablehlo.slice %x [0:2, 0:3, 1:8:2] : (tensor<2x3x8xf32>) -> tensor<2x3x4xf32>
  %z = stablehlo.complex %a, %b : tensor<2x3x4xcomplex<f32>>
  %t = stablehlo.broadcast_in_dim %turns, dims = [1, 2] : (tensor<3x4xcomplex<f32>>) -> tensor<2x3x4xcomplex<f32>>
  %w = stablehlo.multiply %z, %t : tensor<2x3x4xcomplex<f32>>
  %re = stablehlo.real %w : (tensor<2x3x4xcomplex<f32>>) -> tensor<2x3x4xf32>
  %im = stablehlo.imag %w : (tensor<2x3x4xcomplex<f32>>) -> tensor<2x3x4xf32>
  %r = stablehlo.reshape %re : (tensor<2x3x4xf32>) -> tensor<2x3x4x1xf32>
  %i = stablehlo.reshape %im : (tensor<2x3x4xf32>) -> tensor<2x3x4x1xf32>
  %p = stablehlo.concatenate %r, %i, dim = 3 : (tensor<2x3x4x1xf32>, tensor<2x3x4x1xf32>) -> tensor<2x3x4x2xf32>
  %y = stablehlo.reshape %p : (tensor<2x3x4x2xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}
