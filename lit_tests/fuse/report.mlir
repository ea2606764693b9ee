// RUN: oxide-opt %s --fuse="device=h100 report=text" 2>&1 >/dev/null | filecheck %s
// RUN: oxide-opt %s --fuse="device=h100 report=json output=%t.json" && filecheck %s --check-prefix=JSON < %t.json

// CHECK:      kind   kernels before  after  bytes before    after
// CHECK-NEXT: loop                5      1       328,192   66,048
// CHECK-NEXT: input               2      2        66,048   66,304
// CHECK-NEXT: output              0      0             0        0
// CHECK-NEXT: other               0      0             0        0
// CHECK-NEXT: total               7      3       394,240  132,352
// CHECK-NEXT: launches and memory take at least 7.1 us before, 3.0 us after (h100)
// CHECK-NEXT: operations copied into fusions: 3
// CHECK:      declined
// JSON:      "before": {
// JSON-NEXT:   "kernels": 7,
// JSON-NEXT:   "bytes": 394240,
func.func @main(%x: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %0 = stablehlo.reduce(%x init: %low) applies stablehlo.maximum across dimensions = [1]
    : (tensor<64x128xf32>, tensor<f32>) -> tensor<64xf32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [0] : (tensor<64xf32>) -> tensor<64x128xf32>
  %2 = stablehlo.subtract %x, %1 : tensor<64x128xf32>
  %3 = stablehlo.exponential %2 : tensor<64x128xf32>
  %4 = stablehlo.reduce(%3 init: %zero) applies stablehlo.add across dimensions = [1]
    : (tensor<64x128xf32>, tensor<f32>) -> tensor<64xf32>
  %5 = stablehlo.broadcast_in_dim %4, dims = [0] : (tensor<64xf32>) -> tensor<64x128xf32>
  %6 = stablehlo.divide %3, %5 : tensor<64x128xf32>
  return %6 : tensor<64x128xf32>
}
