// RUN: oxide-opt %s --simplify=drop-rounding | filecheck %s --check-prefix=DROPPED
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// DROPPED: return %arg0
// KEPT: rounding-between: stablehlo.convert stays, bfloat16 rounds; drop-rounding allows more precision
// KEPT-COUNT-2: stablehlo.convert
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.convert %x : (tensor<2xf32>) -> tensor<2xbf16>
  %1 = stablehlo.convert %0 : (tensor<2xbf16>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}
