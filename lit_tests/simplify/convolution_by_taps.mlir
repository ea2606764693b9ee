// RUN: oxide-opt %s --simplify=convolutions=auto --remarks 2>&1 | filecheck %s
// RUN: oxide-opt %s --simplify | filecheck %s --check-prefix=KEEP
// RUN: oxide-opt %s '--simplify=convolutions=auto device=tpu' | filecheck %s --check-prefix=KEEP

// CHECK: remark: convolution-by-taps: stablehlo.convolution is taken apart, 2 products an element in each of 4 groups of 1 to 1 channels
// CHECK-LABEL: func.func @main
// CHECK: call @convolution_by_taps(%arg0, %arg1) {mhlo.frontend_attributes = {inlineable = "false"}}
// CHECK: call @convolution_by_taps(%arg0, %arg2)

// CHECK-LABEL: func.func private @convolution_by_taps(
// CHECK: %[[P:.+]] = stablehlo.pad %arg0, %{{.+}}, low = [0, 1, 0], high = [0, 1, 0], interior = [0, 0, 0]
// CHECK: %[[A:.+]] = stablehlo.slice %[[P]] [0:2, 0:5:2, 0:4]
// CHECK: %[[V:.+]] = stablehlo.slice %arg1 [0:1, 0:1, 0:4]
// CHECK: %[[VS:.+]] = stablehlo.broadcast_in_dim %{{.+}}, dims = [2] : (tensor<4xf32>) -> tensor<2x3x4xf32>
// CHECK: %[[L:.+]] = stablehlo.multiply %[[A]], %[[VS]]
// CHECK: %[[B:.+]] = stablehlo.slice %[[P]] [0:2, 1:6:2, 0:4]
// CHECK: %[[R:.+]] = stablehlo.multiply %[[B]], %{{.+}}
// CHECK: %[[S:.+]] = stablehlo.add %[[L]], %[[R]]
// CHECK: return %[[S]]

// KEEP-COUNT-2: stablehlo.convolution
func.func @main(%x: tensor<2x4x4xf32>, %v: tensor<2x1x4xf32>, %w: tensor<2x1x4xf32>)
    -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %0 = stablehlo.convolution(%x, %v) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
    window = {stride = [2], pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 4 : i64}
    : (tensor<2x4x4xf32>, tensor<2x1x4xf32>) -> tensor<2x3x4xf32>
  %1 = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f],
    window = {stride = [2], pad = [[1, 1]]} {batch_group_count = 1 : i64, feature_group_count = 4 : i64}
    : (tensor<2x4x4xf32>, tensor<2x1x4xf32>) -> tensor<2x3x4xf32>
  return %0, %1 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}
