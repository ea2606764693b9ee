// As long as %k is 1, the branch that would change it is not taken.
// RUN: oxide-opt %s --sccp --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[ONE:.+]] = stablehlo.constant dense<1> : tensor<i32>
// CHECK-NOT: "stablehlo.if"
// CHECK-NOT: stablehlo.while
// CHECK: return %[[ONE]]
func.func @main(%n: tensor<i32>) -> tensor<i32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %0:2 = stablehlo.while(%i = %zero, %k = %one) : tensor<i32>, tensor<i32>
  cond {
    %p = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    %j = stablehlo.add %i, %one : tensor<i32>
    %q = stablehlo.compare EQ, %k, %one : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %l = "stablehlo.if"(%q) ({
      %m = stablehlo.multiply %k, %k : tensor<i32>
      stablehlo.return %m : tensor<i32>
    }, {
      stablehlo.return %i : tensor<i32>
    }) : (tensor<i1>) -> tensor<i32>
    stablehlo.return %j, %l : tensor<i32>, tensor<i32>
  }
  return %0#1 : tensor<i32>
}
