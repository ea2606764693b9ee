// The tangent depends on nothing either loop changes, and takes the broadcast it reads along; the iota stays.
// RUN: oxide-opt %s --loop-invariant-code-motion | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[B:.+]] = stablehlo.broadcast_in_dim
// CHECK-NEXT: %[[T:.+]] = stablehlo.tan %[[B]]
// CHECK-NEXT: stablehlo.while
// CHECK: stablehlo.while
// CHECK: stablehlo.iota
func.func @main(%x: tensor<f32>, %y: tensor<4xf32>, %n: tensor<i32>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %0:2 = stablehlo.while(%i = %zero, %a = %y) : tensor<i32>, tensor<4xf32>
  cond {
    %p = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    %1:2 = stablehlo.while(%j = %i, %b = %a) : tensor<i32>, tensor<4xf32>
    cond {
      %p = stablehlo.compare LT, %j, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %wide = stablehlo.broadcast_in_dim %x, dims = [] : (tensor<f32>) -> tensor<4xf32>
      %t = stablehlo.tan %wide : tensor<4xf32>
      %count = stablehlo.iota dim = 0 : tensor<4xf32>
      %u = stablehlo.add %b, %count : tensor<4xf32>
      %v = stablehlo.add %u, %t : tensor<4xf32>
      %k = stablehlo.add %j, %one : tensor<i32>
      stablehlo.return %k, %v : tensor<i32>, tensor<4xf32>
    }
    %m = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %m, %1#1 : tensor<i32>, tensor<4xf32>
  }
  return %0#1 : tensor<4xf32>
}
