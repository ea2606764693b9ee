// RUN: oxide-opt %s --fold-batch-norm --remarks 2>&1 | filecheck %s

// CHECK: remark: fold-batch-norm: stablehlo.batch_norm_inference stays, weights of fewer bits would lose too much when they are scaled
func.func @main(%x: tensor<2x3xf16>, %w: tensor<3x4xf16> {oxide.param = "w"}, %p: tensor<4xf16> {oxide.param = "p"})
    -> tensor<2x4xf16> {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<2x3xf16>, tensor<3x4xf16>) -> tensor<2x4xf16>
  %1 = "stablehlo.batch_norm_inference"(%0, %p, %p, %p, %p) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<2x4xf16>, tensor<4xf16>, tensor<4xf16>, tensor<4xf16>, tensor<4xf16>) -> tensor<2x4xf16>
  return %1 : tensor<2x4xf16>
}
