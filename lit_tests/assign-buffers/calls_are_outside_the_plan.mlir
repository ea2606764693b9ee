// RUN: oxide-opt %s --assign-buffers --remarks 2>&1 | filecheck %s

// CHECK: remark: memory inside the function it stands for is not in the plan; inline it first
// CHECK: oxide.slice = array<i64: 0, 16>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = func.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.negate %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
