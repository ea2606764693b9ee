// RUN: oxide-opt %s --fuse | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "oxide.fusion"
// CHECK-SAME: kind = "output"
// CHECK: func.func private @oxide.fusion.output_maximum
// CHECK: stablehlo.dot_general
// CHECK: stablehlo.add
// CHECK-NEXT: stablehlo.maximum
func.func @main(%x: tensor<2x5xf32>, %w: tensor<5x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
  %c = stablehlo.constant dense<0.0> : tensor<2x3xf32>
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<2x5xf32>, tensor<5x3xf32>) -> tensor<2x3xf32>
  %1 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %2 = stablehlo.add %0, %1 : tensor<2x3xf32>
  %3 = stablehlo.maximum %2, %c : tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}
