// RUN: oxide-opt %s --cse | filecheck %s

// A reduction may not capture values, and a loop does not see what comes after it or what another loop has.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.reduce
// CHECK: stablehlo.constant dense<1.000000e+01>
// CHECK: stablehlo.while
// CHECK: stablehlo.constant dense<10>
// CHECK: stablehlo.while
// CHECK: stablehlo.constant dense<10>
// CHECK: stablehlo.constant dense<10>
func.func @main(%x: tensor<i32>, %v: tensor<4xf32>, %z: tensor<f32>) -> (tensor<i32>, tensor<i32>, tensor<i32>, tensor<f32>, tensor<f32>) {
  %high = stablehlo.constant dense<1.000000e+01> : tensor<f32>
  %r = stablehlo.reduce(%v init: %z) across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
    reducer(%a: tensor<f32>, %b: tensor<f32>) {
      %inner = stablehlo.constant dense<1.000000e+01> : tensor<f32>
      %1 = stablehlo.minimum %a, %inner : tensor<f32>
      %2 = stablehlo.add %1, %b : tensor<f32>
      stablehlo.return %2 : tensor<f32>
    }
  %0 = stablehlo.while(%i = %x) : tensor<i32>
    cond {
      %limit = stablehlo.constant dense<10> : tensor<i32>
      %1 = stablehlo.compare LT, %i, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %1 : tensor<i1>
    } do {
      %1 = stablehlo.add %i, %i : tensor<i32>
      stablehlo.return %1 : tensor<i32>
    }
  %3 = stablehlo.while(%i = %x) : tensor<i32>
    cond {
      %limit = stablehlo.constant dense<10> : tensor<i32>
      %1 = stablehlo.compare GT, %i, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %1 : tensor<i1>
    } do {
      %1 = stablehlo.subtract %i, %x : tensor<i32>
      stablehlo.return %1 : tensor<i32>
    }
  %ten = stablehlo.constant dense<10> : tensor<i32>
  return %0, %3, %ten, %r, %high : tensor<i32>, tensor<i32>, tensor<i32>, tensor<f32>, tensor<f32>
}
