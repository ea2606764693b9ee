// Both callers pass the same constant: the body is evaluated, and what it returns reaches the callers.
// RUN: oxide-opt %s --sccp --dce | filecheck %s

// CHECK-LABEL: func.func private @f
// CHECK-NEXT: %[[C:.+]] = stablehlo.constant dense<5> : tensor<i32>
// CHECK-NEXT: return %[[C]]
func.func private @f(%a: tensor<i32>) -> tensor<i32> {
  %one = stablehlo.constant dense<1> : tensor<i32>
  %0 = stablehlo.add %a, %one : tensor<i32>
  return %0 : tensor<i32>
}
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[R:.+]] = stablehlo.constant dense<10> : tensor<i32>
// CHECK-NEXT: return %[[R]]
func.func @main() -> tensor<i32> {
  %c = stablehlo.constant dense<4> : tensor<i32>
  %0 = func.call @f(%c) : (tensor<i32>) -> tensor<i32>
  %1 = func.call @f(%c) : (tensor<i32>) -> tensor<i32>
  %2 = stablehlo.add %0, %1 : tensor<i32>
  return %2 : tensor<i32>
}
