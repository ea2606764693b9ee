// RUN: oxide-opt %s --fuse --cost-analysis 2>&1 >/dev/null | filecheck %s --check-prefix=COST
// RUN: oxide-opt %s --fuse | filecheck %s

// How often the loop runs is seen after fusing too.
// COST: total {{ *}}6 {{ *}}61
// COST-NOT: it is not known how often they run
// CHECK: do {
// CHECK: stablehlo.add
// CHECK: stablehlo.composite "oxide.fusion"
// CHECK: stablehlo.return
func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<f32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %ten = stablehlo.constant dense<10> : tensor<i32>
  %start = stablehlo.constant dense<0.0> : tensor<f32>
  %0:3 = stablehlo.while(%i = %zero, %a = %x, %s = %start) : tensor<i32>, tensor<2xf32>, tensor<f32>
    cond {
      %p = stablehlo.compare LT, %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %n = stablehlo.add %i, %one : tensor<i32>
      %f = stablehlo.convert %n : (tensor<i32>) -> tensor<f32>
      %t = stablehlo.add %s, %f : tensor<f32>
      %b = stablehlo.negate %a : tensor<2xf32>
      stablehlo.return %n, %b, %t : tensor<i32>, tensor<2xf32>, tensor<f32>
    }
  return %0#1, %0#2 : tensor<2xf32>, tensor<f32>
}
