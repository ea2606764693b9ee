// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[A:.+]] = stablehlo.composite "oxide.cumulative" %arg0 {composite_attributes = {axis = 1 : i64, kind = "add", reverse = false}
// CHECK-NEXT: %[[B:.+]] = stablehlo.composite "oxide.cumulative" %arg0 {composite_attributes = {axis = 1 : i64, kind = "add", reverse = true}
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %y = "stablehlo.reduce_window"(%x, %zero) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) {window_dimensions = array<i64: 1, 4>, padding = dense<[[0, 0], [3, 0]]> : tensor<2x2xi64>} : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %z = "stablehlo.reduce_window"(%x, %zero) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) {window_dimensions = array<i64: 1, 4>, padding = dense<[[0, 0], [0, 3]]> : tensor<2x2xi64>} : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  return %y, %z : tensor<2x4xf32>, tensor<2x4xf32>
}
