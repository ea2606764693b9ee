// RUN: oxide-opt %s --fold-batch-norm | filecheck %s

// Statistics of the batch, and statistics that the model updates, are no weights.
// CHECK: stablehlo.dot_general %{{.+}}, %[[W:.+]], contracting
// CHECK-NEXT: "stablehlo.batch_norm_training"
// CHECK: stablehlo.dot_general
// CHECK-NEXT: "stablehlo.batch_norm_inference"
func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x4xf32> {oxide.param = "w"}, %p: tensor<4xf32> {oxide.param = "p"},
    %m: tensor<4xf32> {oxide.param = "mean"}) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32> {oxide.updates = "mean"}) {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %1:3 = "stablehlo.batch_norm_training"(%0, %p, %p) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>)
  %3 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %4 = "stablehlo.batch_norm_inference"(%3, %p, %p, %m, %p) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}>
    : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return %1#0, %4, %1#1 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>
}
