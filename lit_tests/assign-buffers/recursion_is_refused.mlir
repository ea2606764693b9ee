// RUN: not oxide-opt %s --assign-buffers 2>&1 | filecheck %s

// CHECK: buffers cannot be assigned
// CHECK: @f calls itself, so the memory it needs is unknown
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = func.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = func.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
