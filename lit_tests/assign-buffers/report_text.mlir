// RUN: oxide-opt %s '--assign-buffers=results=arena report=text' -o %t 2>&1 | filecheck %s

// CHECK: arena {{ *}}896 bytes
// CHECK: lower bound {{ *}}896 bytes
// CHECK: without reuse {{ *}}1,344 bytes
// CHECK: alive at the peak, time 2: 2 of 2 buffers
// CHECK: stablehlo.reverse tensor<100xf32>
func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  %1 = stablehlo.reverse %0, dims = [0] : tensor<100xf32>
  %2 = stablehlo.negate %1 : tensor<100xf32>
  return %2 : tensor<100xf32>
}
