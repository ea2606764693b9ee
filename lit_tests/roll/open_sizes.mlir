// RUN: oxide-opt %s --roll --remarks 2>&1 | filecheck %s

// The state of a loop may have open sizes; what is stacked may not.
// CHECK: remark: roll: 3 calls of @layer are a loop
// CHECK: remark: roll: 3 calls of @layer stay, tensor<?xf32> cannot be stacked
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.while(%{{.+}} = %{{.+}}, %{{.+}} = %{{.+}}) : tensor<i32>, tensor<?xf32>
// CHECK-LABEL: func.func @each
// CHECK-NOT: stablehlo.while
// CHECK-LABEL: func.func private @layer
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = call @layer(%x) : (tensor<?xf32>) -> tensor<?xf32>
  %1 = call @layer(%0) : (tensor<?xf32>) -> tensor<?xf32>
  %2 = call @layer(%1) : (tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}
func.func @each(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %0 = call @layer(%x) : (tensor<?xf32>) -> tensor<?xf32>
  %1 = call @layer(%0) : (tensor<?xf32>) -> tensor<?xf32>
  %2 = call @layer(%1) : (tensor<?xf32>) -> tensor<?xf32>
  return %0, %1, %2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}
func.func private @layer(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.tanh %x : tensor<?xf32>
  return %0 : tensor<?xf32>
}
