// RUN: oxide-opt %s --simplify | filecheck %s

// One transpose instead of two.
// CHECK: %[[S:.+]] = stablehlo.add %arg0, %arg1
// CHECK: stablehlo.transpose %[[S]], dims = [1, 0]
// CHECK-NOT: stablehlo.transpose
func.func @main(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = stablehlo.transpose %y, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = stablehlo.add %0, %1 : tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}
