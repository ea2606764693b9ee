// RUN: oxide-opt %s --raise --dce | filecheck %s

// The sum of all elements before each one: that of x moved by one.
// CHECK-LABEL: func.func @main
// CHECK: %[[X:.+]] = stablehlo.pad %arg0, %{{.+}}, low = [1], high = [-1], interior = [0]
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.cumulative" %[[X]] {composite_attributes = {axis = 0 : i64, kind = "add", reverse = false}
// CHECK-NEXT: return %[[Y]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %y = "stablehlo.reduce_window"(%x, %zero) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = stablehlo.add %a, %b : tensor<f32>
    stablehlo.return %s : tensor<f32>
  }) {window_dimensions = array<i64: 4>, padding = dense<[[4, -1]]> : tensor<1x2xi64>} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
