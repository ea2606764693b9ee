// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s

// CHECK: layout: 2 operations stay, 24 bytes are transposed before and 24 after
// CHECK: stablehlo.transpose
// CHECK: stablehlo.tanh
func.func @main(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = stablehlo.tanh %0 : tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}
