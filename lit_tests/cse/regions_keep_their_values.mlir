// RUN: oxide-opt %s --cse | filecheck %s

// The constant inside the loop stays inside: a shared one would have to be captured.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.while
// CHECK: stablehlo.constant dense<10>
// CHECK: stablehlo.compare
func.func @main(%x: tensor<i32>) -> (tensor<i32>, tensor<i32>) {
  %ten = stablehlo.constant dense<10> : tensor<i32>
  %0 = stablehlo.while(%i = %x) : tensor<i32>
    cond {
      %limit = stablehlo.constant dense<10> : tensor<i32>
      %1 = stablehlo.compare LT, %i, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %1 : tensor<i1>
    } do {
      %1 = stablehlo.add %i, %i : tensor<i32>
      stablehlo.return %1 : tensor<i32>
    }
  return %0, %ten : tensor<i32>, tensor<i32>
}
