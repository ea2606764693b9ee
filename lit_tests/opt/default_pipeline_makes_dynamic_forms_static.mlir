// RUN: oxide-opt %s --pass-pipeline='builtin.module(default)' | filecheck %s

// What only looked dynamic, a constant shape away from a static form, is written in that form.
// CHECK-LABEL: func.func @main
// CHECK-NOT: dynamic
// CHECK-DAG: stablehlo.reshape %arg0
// CHECK-DAG: stablehlo.broadcast_in_dim %arg0, dims = [1, 2] : (tensor<4x6xf32>) -> tensor<2x4x6xf32>
// CHECK-DAG: stablehlo.slice %arg0 [1:3, 2:6:2]
// CHECK-DAG: stablehlo.pad %arg0
// CHECK-DAG: slice_sizes = array<i64: 2, 6>
// CHECK-DAG: stablehlo.convolution
func.func @main(%x: tensor<4x6xf32>, %i: tensor<1xi32>, %image: tensor<1x1x8xf32>, %kernel: tensor<1x1x3xf32>)
    -> (tensor<2x12xf32>, tensor<2x4x6xf32>, tensor<2x2xf32>, tensor<6x8xf32>, tensor<2x6xf32>, tensor<1x1x8xf32>) {
  %shape = stablehlo.constant dense<[2, 12]> : tensor<2xi32>
  %cube = stablehlo.constant dense<[2, 4, 6]> : tensor<3xi32>
  %first = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
  %limit = stablehlo.constant dense<[3, 6]> : tensor<2xi32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %one = stablehlo.constant dense<1> : tensor<2xi32>
  %none = stablehlo.constant dense<0> : tensor<2xi32>
  %window = stablehlo.constant dense<[2, 6]> : tensor<2xi32>
  %same = stablehlo.constant dense<1> : tensor<1x2xi32>
  %0 = stablehlo.dynamic_reshape %x, %shape : (tensor<4x6xf32>, tensor<2xi32>) -> tensor<2x12xf32>
  %1 = stablehlo.dynamic_broadcast_in_dim %x, %cube, dims = [1, 2] : (tensor<4x6xf32>, tensor<3xi32>) -> tensor<2x4x6xf32>
  %2 = stablehlo.real_dynamic_slice %x, %first, %limit, %first : (tensor<4x6xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x2xf32>
  %3 = stablehlo.dynamic_pad %x, %zero, %one, %one, %none : (tensor<4x6xf32>, tensor<f32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) -> tensor<6x8xf32>
  %4 = "stablehlo.dynamic_gather"(%x, %i, %window) <{dimension_numbers = #stablehlo.gather<offset_dims = [0, 1], start_index_map = [0]>}> : (tensor<4x6xf32>, tensor<1xi32>, tensor<2xi32>) -> tensor<2x6xf32>
  %5 = "stablehlo.dynamic_conv"(%image, %kernel, %same) <{dimension_numbers = #stablehlo.conv<[b, f, 0]x[o, i, 0]->[b, f, 0]>, feature_group_count = 1 : i64, batch_group_count = 1 : i64}> : (tensor<1x1x8xf32>, tensor<1x1x3xf32>, tensor<1x2xi32>) -> tensor<1x1x8xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<2x12xf32>, tensor<2x4x6xf32>, tensor<2x2xf32>, tensor<6x8xf32>, tensor<2x6xf32>, tensor<1x1x8xf32>
}
