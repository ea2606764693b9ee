// RUN: oxide-opt %s --fuse=device=h100 | filecheck %s --check-prefix=GPU
// RUN: oxide-opt %s --fuse=device=cpu | filecheck %s --check-prefix=CPU
// RUN: not oxide-opt %s --fuse=device=abacus 2>&1 | filecheck %s --check-prefix=UNKNOWN

// A GPU computes the exponentials twice rather than write them and read them again; a CPU does not.
// GPU: stablehlo.reduce
// GPU: %[[SUM:.+]] = stablehlo.composite "oxide.fusion"
// GPU-SAME: -> tensor<64xf32>
// GPU: func.func private
// GPU-COUNT-2: stablehlo.exponential
// CPU: stablehlo.reduce
// CPU: :2 = stablehlo.composite "oxide.fusion"
// CPU-SAME: -> (tensor<64x128xf32>, tensor<64xf32>)
// CPU-COUNT-1: stablehlo.exponential
// CPU-NOT: stablehlo.exponential
// UNKNOWN: cpu
// UNKNOWN-SAME: h100
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
