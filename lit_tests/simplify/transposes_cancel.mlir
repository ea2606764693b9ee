// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// CHECK: layout: 9 operations work on permuted tensors, 288 bytes are transposed before and 0 after
// CHECK-LABEL: @main
// CHECK: %[[R:.+]] = stablehlo.maximum %arg0, %{{.+}} : tensor<2x3x4xf32>
// CHECK: %[[G:.+]] = stablehlo.composite "oxide.gelu" %[[R]]
// CHECK: %[[S:.+]] = stablehlo.composite "oxide.softmax" %[[G]] {composite_attributes = {axis = 2 : i64}
// CHECK: %[[P:.+]] = stablehlo.pad %[[S]], %{{.+}}, low = [0, 2, 1], high = [0, 0, 0], interior = [0, 0, 0]
// CHECK: %[[L:.+]] = stablehlo.slice %[[P]] [0:2, 2:5, 1:5]
// CHECK: %[[C:.+]] = stablehlo.concatenate %[[L]], %arg0, dim = 0
// CHECK: "stablehlo.reduce_window"(%[[C]], %{{.+}}) <{padding = dense<{{\[\[}}0, 0], [0, 0], [1, 0]]> {{.+}}window_dimensions = array<i64: 1, 1, 2>
// CHECK-NOT: stablehlo.transpose
// CHECK: return
func.func @main(%x: tensor<2x3x4xf32>) -> tensor<4x3x4xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %zeros = stablehlo.constant dense<0.0> : tensor<4x2x3xf32>
  %0 = stablehlo.transpose %x, dims = [2, 0, 1] : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %1 = stablehlo.maximum %0, %zeros : tensor<4x2x3xf32>
  %2 = stablehlo.composite "oxide.gelu" %1 {composite_attributes = {approximate = "tanh"}, decomposition = @gelu}
    : (tensor<4x2x3xf32>) -> tensor<4x2x3xf32>
  %3 = stablehlo.composite "oxide.softmax" %2 {composite_attributes = {axis = 0 : i64}, decomposition = @softmax}
    : (tensor<4x2x3xf32>) -> tensor<4x2x3xf32>
  %4 = stablehlo.pad %3, %zero, low = [1, 0, 2], high = [0, 0, 0], interior = [0, 0, 0]
    : (tensor<4x2x3xf32>, tensor<f32>) -> tensor<5x2x5xf32>
  %5 = stablehlo.slice %4 [1:5, 0:2, 2:5] : (tensor<5x2x5xf32>) -> tensor<4x2x3xf32>
  %6 = stablehlo.concatenate %5, %0, dim = 1 : (tensor<4x2x3xf32>, tensor<4x2x3xf32>) -> tensor<4x4x3xf32>
  %7 = "stablehlo.reduce_window"(%6, %zero) <{padding = dense<[[1, 0], [0, 0], [0, 0]]> : tensor<3x2xi64>,
      window_dimensions = array<i64: 2, 1, 1>}> ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %9 = stablehlo.maximum %a, %b : tensor<f32>
      stablehlo.return %9 : tensor<f32>
  }) : (tensor<4x4x3xf32>, tensor<f32>) -> tensor<4x4x3xf32>
  %8 = stablehlo.transpose %7, dims = [1, 2, 0] : (tensor<4x4x3xf32>) -> tensor<4x3x4xf32>
  return %8 : tensor<4x3x4xf32>
}
func.func private @gelu(%x: tensor<4x2x3xf32>) -> tensor<4x2x3xf32> { return %x : tensor<4x2x3xf32> }
func.func private @softmax(%x: tensor<4x2x3xf32>) -> tensor<4x2x3xf32> { return %x : tensor<4x2x3xf32> }
