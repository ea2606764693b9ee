// RUN: oxide-opt %s --roll --remarks 2>&1 | filecheck %s

// CHECK-NOT: stablehlo.while
// CHECK: remark: roll: 3 calls of @layer stay, tensor<?xf32> cannot be stacked
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = call @layer(%x) : (tensor<?xf32>) -> tensor<?xf32>
  %1 = call @layer(%0) : (tensor<?xf32>) -> tensor<?xf32>
  %2 = call @layer(%1) : (tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}
func.func private @layer(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.tanh %x : tensor<?xf32>
  return %0 : tensor<?xf32>
}
