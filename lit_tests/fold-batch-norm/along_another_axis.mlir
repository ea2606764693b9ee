// RUN: oxide-opt %s --fold-batch-norm --remarks 2>&1 | filecheck %s

// CHECK: remark: fold-batch-norm: stablehlo.batch_norm_inference stays, it is not by weights and given statistics
// CHECK: stablehlo.batch_norm_inference
func.func @main(%x: tensor<4x3xf32>, %w: tensor<3x4xf32> {oxide.param = "w"}, %p: tensor<4xf32> {oxide.param = "p"})
    -> tensor<4x4xf32> {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
    : (tensor<4x3xf32>, tensor<3x4xf32>) -> tensor<4x4xf32>
  %1 = "stablehlo.batch_norm_inference"(%0, %p, %p, %p, %p) <{epsilon = 1.0e-5 : f32, feature_index = 0 : i64}>
    : (tensor<4x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}
