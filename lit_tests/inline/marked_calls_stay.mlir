// RUN: oxide-opt %s --inline | filecheck %s
// RUN: oxide-opt %s '--inline=only=f' | filecheck %s --check-prefix=ONLY

// XLA keeps a call whose frontend attribute `inlineable` is "false", and so does this pass; by name it is inlined.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: call @f{{.*}}inlineable = "false"
// CHECK-NEXT: stablehlo.sine
// CHECK-NEXT: return
// ONLY-LABEL: func.func @main
// ONLY-NEXT: stablehlo.sine
// ONLY-NEXT: call @g(
// ONLY-NEXT: return
func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = func.call @f(%x) {mhlo.frontend_attributes = {inlineable = "false"}} : (tensor<2xf32>) -> tensor<2xf32>
  %1 = func.call @g(%x) {mhlo.frontend_attributes = {other = "false"}} : (tensor<2xf32>) -> tensor<2xf32>
  return %0, %1 : tensor<2xf32>, tensor<2xf32>
}
func.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @g(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.sine %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}
