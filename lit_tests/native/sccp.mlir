// A constant argument reaches the body of a private function, where fold evaluates it; symbol-dce removes what nothing calls.
// RUN: oxide-opt %s --sccp --fold --symbol-dce | filecheck %s

// CHECK-NOT: @unused
// CHECK-LABEL: func.func private @f
// CHECK: %[[C:.+]] = stablehlo.constant dense<5> : tensor<i32>
// CHECK: return %[[C]]
func.func private @f(%a: tensor<i32>) -> tensor<i32> {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %0 = stablehlo.add %a, %one : tensor<i32>
  return %0 : tensor<i32>
}
func.func private @unused(%a: tensor<i32>) -> tensor<i32> {
  return %a : tensor<i32>
}
func.func @main() -> tensor<i32> {
  %c = stablehlo.constant dense<4> : tensor<i32>
  %0 = func.call @f(%c) : (tensor<i32>) -> tensor<i32>
  return %0 : tensor<i32>
}
