// RUN: oxide-opt %s --simplify | filecheck %s
// RUN: oxide-opt %s --simplify=convolutions=auto | filecheck %s --check-prefixes=CHECK,CPU
// RUN: oxide-opt %s '--simplify=convolutions=auto device=gpu' | filecheck %s --check-prefixes=CHECK,GPU

// Groups are batches of the product.  One image may have channels first ...
// CHECK-LABEL: func.func @one
// CHECK: %[[X:.+]] = stablehlo.reshape %arg0 : (tensor<1x4x3x3xf32>) -> tensor<1x2x2x3x3xf32>
// CHECK: %[[W:.+]] = stablehlo.reshape %arg1 : (tensor<6x2x1x1xf32>) -> tensor<2x3x2xf32>
// CHECK: %[[Y:.+]] = stablehlo.dot_general %[[W]], %[[X]], batching_dims = [0] x [1], contracting_dims = [2] x [2]
// CHECK: stablehlo.reshape %[[Y]] : (tensor<2x3x1x3x3xf32>) -> tensor<1x6x3x3xf32>
func.func @one(%x: tensor<1x4x3x3xf32>, %w: tensor<6x2x1x1xf32>) -> tensor<1x6x3x3xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 2 : i64}
    : (tensor<1x4x3x3xf32>, tensor<6x2x1x1xf32>) -> tensor<1x6x3x3xf32>
  return %0 : tensor<1x6x3x3xf32>
}

// ... and two on CPUs, with a copy of the kernel for each.
// CPU-LABEL: func.func @two
// CPU: %[[W:.+]] = stablehlo.broadcast_in_dim %{{.+}}, dims = [1, 2, 3] : (tensor<2x3x2xf32>) -> tensor<2x2x3x2xf32>
// CPU: stablehlo.dot_general %[[W]], %{{.+}}, batching_dims = [0, 1] x [0, 1], contracting_dims = [3] x [2]
// GPU-LABEL: func.func @two
// GPU: stablehlo.convolution
func.func @two(%x: tensor<2x4x3x3xf32>, %w: tensor<6x2x1x1xf32>) -> tensor<2x6x3x3xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 2 : i64}
    : (tensor<2x4x3x3xf32>, tensor<6x2x1x1xf32>) -> tensor<2x6x3x3xf32>
  return %0 : tensor<2x6x3x3xf32>
}

// With channels last the groups' results are put in order.
// CPU-LABEL: func.func @last
// CPU: stablehlo.dot_general %{{.+}}, %{{.+}}, batching_dims = [2] x [1], contracting_dims = [3] x [0]
// CPU: stablehlo.transpose %{{.+}}, dims = [1, 2, 0, 3] : (tensor<2x2x3x3xf32>) -> tensor<2x3x2x3xf32>
// GPU-LABEL: func.func @last
// GPU: stablehlo.convolution
func.func @last(%x: tensor<2x3x4xf32>, %w: tensor<1x2x6xf32>) -> tensor<2x3x6xf32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {}
    {batch_group_count = 1 : i64, feature_group_count = 2 : i64}
    : (tensor<2x3x4xf32>, tensor<1x2x6xf32>) -> tensor<2x3x6xf32>
  return %0 : tensor<2x3x6xf32>
}
