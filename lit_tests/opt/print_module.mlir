// Without passes the module is parsed, verified and printed.
// RUN: oxide-opt %s | filecheck %s
// RUN: oxide-opt < %s | filecheck %s
// RUN: oxide-opt - < %s | filecheck %s

// CHECK: module {
// CHECK-NEXT: func.func @main(%[[X:.*]]: tensor<2xf32>) -> tensor<2xf32> {
// CHECK-NEXT: %[[Y:.*]] = stablehlo.add %[[X]], %[[X]] : tensor<2xf32>
// CHECK-NEXT: return %[[Y]] : tensor<2xf32>
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.add %x, %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
