// RUN: oxide-opt %s --raise --remarks 2>&1 | filecheck %s

// The square of 300 is no float16; oxide.rms_norm would compute it in float32.
// CHECK: its squares in float16 overflow where those of a composite, in float32, do not
// CHECK-NOT: stablehlo.composite
func.func @main(%x: tensor<2x8xf16>) -> tensor<2x8xf16> {
  %zero = stablehlo.constant dense<0.0> : tensor<f16>
  %count = stablehlo.constant dense<8.0> : tensor<2xf16>
  %epsilon = stablehlo.constant dense<1.0e-3> : tensor<2xf16>
  %p = stablehlo.multiply %x, %x : tensor<2x8xf16>
  %s = stablehlo.reduce(%p init: %zero) applies stablehlo.add across dimensions = [1] : (tensor<2x8xf16>, tensor<f16>) -> tensor<2xf16>
  %v = stablehlo.divide %s, %count : tensor<2xf16>
  %e = stablehlo.add %v, %epsilon : tensor<2xf16>
  %r = stablehlo.rsqrt %e : tensor<2xf16>
  %rb = stablehlo.broadcast_in_dim %r, dims = [0] : (tensor<2xf16>) -> tensor<2x8xf16>
  %y = stablehlo.multiply %x, %rb : tensor<2x8xf16>
  return %y : tensor<2x8xf16>
}
