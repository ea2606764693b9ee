// RUN: oxide-opt %s --raise --dce | filecheck %s

// A row of the mask that is false everywhere gives NaN here, zeros in the composite.
// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.+]] = stablehlo.composite "oxide.attention" %arg0, %arg1, %arg2, %arg3
// CHECK: %[[SOME:.+]] = stablehlo.reduce(%arg3 init: %{{.+}}) applies stablehlo.or across dimensions = [3]
// CHECK: dense<0x7FC00000>
// CHECK: stablehlo.select %{{.+}}, %[[Y]], %{{.+}}
// CHECK: return
func.func @main(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>, %mask: tensor<1x1x4x4xi1>) -> tensor<1x2x4x8xf32> {
  %scale = stablehlo.constant dense<0.5> : tensor<1x2x4x4xf32>
  %fill = stablehlo.constant dense<0xFF800000> : tensor<1x2x4x4xf32>
  %0 = stablehlo.dot_general %q, %k, batching_dims = [0, 1] x [0, 1], contracting_dims = [3] x [3] : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x4xf32>
  %1 = stablehlo.multiply %0, %scale : tensor<1x2x4x4xf32>
  %2 = stablehlo.broadcast_in_dim %mask, dims = [0, 1, 2, 3] : (tensor<1x1x4x4xi1>) -> tensor<1x2x4x4xi1>
  %3 = stablehlo.select %2, %1, %fill : tensor<1x2x4x4xi1>, tensor<1x2x4x4xf32>
  %4 = stablehlo.composite "oxide.softmax" %3 {composite_attributes = {axis = 3 : i64}, decomposition = @softmax} : (tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  %5 = stablehlo.dot_general %4, %v, batching_dims = [0, 1] x [0, 1], contracting_dims = [3] x [2] : (tensor<1x2x4x4xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return %5 : tensor<1x2x4x8xf32>
}
func.func private @softmax(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [3] : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0, 1, 2] : (tensor<1x2x4xf32>) -> tensor<1x2x4x4xf32>
  %2 = stablehlo.subtract %x, %1 : tensor<1x2x4x4xf32>
  %3 = stablehlo.exponential %2 : tensor<1x2x4x4xf32>
  %4 = stablehlo.reduce(%3 init: %zero) applies stablehlo.add across dimensions = [3] : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4xf32>
  %5 = stablehlo.broadcast_in_dim %4, dims = [0, 1, 2] : (tensor<1x2x4xf32>) -> tensor<1x2x4x4xf32>
  %6 = stablehlo.divide %3, %5 : tensor<1x2x4x4xf32>
  return %6 : tensor<1x2x4x4xf32>
}
