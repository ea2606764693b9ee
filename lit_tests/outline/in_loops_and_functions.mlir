// RUN: oxide-opt %s --outline=min-ops=4 | filecheck %s

// Parts of a loop's body, of a branch and of another function are calls of one function; a decomposition stays.
// CHECK: func.func @main
// CHECK: stablehlo.while
// CHECK: %[[A:.+]] = func.call @block(%{{.+}}, %[[W:[^)]+]])
// CHECK: stablehlo.if
// CHECK: func.call @block(%{{.+}}, %[[W]])
// CHECK: }, {
// CHECK-NEXT: stablehlo.return
// CHECK: func.func private @helper
// CHECK-NEXT: call @block
// CHECK-NEXT: return
// CHECK: func.func private @decomposition
// CHECK-NEXT: stablehlo.add
// CHECK: func.func private @block
// CHECK: stablehlo.sine
func.func @main(%x: tensor<4xf32>, %w: tensor<4xf32>, %p: tensor<i1>) -> tensor<4xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %ten = stablehlo.constant dense<10> : tensor<i32>
  %0:2 = stablehlo.while(%i = %zero, %v = %x) : tensor<i32>, tensor<4xf32>
  cond {
    %1 = stablehlo.compare LT, %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %1 : tensor<i1>
  } do {
    %1 = stablehlo.add %v, %w : tensor<4xf32>
    %2 = stablehlo.multiply %1, %1 : tensor<4xf32>
    %3 = stablehlo.sine %2 : tensor<4xf32>
    %n = stablehlo.negate %3 : tensor<4xf32>
    %4 = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %4, %n : tensor<i32>, tensor<4xf32>
  }
  %5 = "stablehlo.if"(%p) ({
    %1 = stablehlo.add %0#1, %w : tensor<4xf32>
    %2 = stablehlo.multiply %1, %1 : tensor<4xf32>
    %3 = stablehlo.sine %2 : tensor<4xf32>
    %n = stablehlo.negate %3 : tensor<4xf32>
    stablehlo.return %n : tensor<4xf32>
  }, {
    stablehlo.return %0#1 : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %6 = call @helper(%5, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %7 = stablehlo.composite "my.other" %6, %w {decomposition = @decomposition} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %7 : tensor<4xf32>
}
func.func private @helper(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %1 = stablehlo.add %x, %w : tensor<4xf32>
  %2 = stablehlo.multiply %1, %1 : tensor<4xf32>
  %3 = stablehlo.sine %2 : tensor<4xf32>
  %n = stablehlo.negate %3 : tensor<4xf32>
  return %n : tensor<4xf32>
}
func.func private @decomposition(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %1 = stablehlo.add %x, %w : tensor<4xf32>
  %2 = stablehlo.multiply %1, %1 : tensor<4xf32>
  %3 = stablehlo.sine %2 : tensor<4xf32>
  %n = stablehlo.negate %3 : tensor<4xf32>
  return %n : tensor<4xf32>
}
