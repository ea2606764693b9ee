// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK: %[[C:.+]] = stablehlo.convert %arg0 : (tensor<4x6xf32>) -> tensor<4x6xbf16>
// CHECK: %[[R:.+]] = stablehlo.reverse %[[C]], dims = [0]
// CHECK: %[[T:.+]] = stablehlo.transpose %[[R]], dims = [1, 0]
// CHECK: return %[[T]]
func.func @main(%x: tensor<4x6xf32>) -> tensor<6x4xbf16> {
  %0 = stablehlo.reverse %x, dims = [0] : tensor<4x6xf32>
  %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<4x6xf32>) -> tensor<6x4xf32>
  %2 = stablehlo.convert %1 : (tensor<6x4xf32>) -> tensor<6x4xbf16>
  return %2 : tensor<6x4xbf16>
}

// A slice of few elements comes first.
// CHECK-LABEL: @sliced
// CHECK: %[[S:.+]] = stablehlo.slice
// CHECK: stablehlo.convert %[[S]]
func.func @sliced(%x: tensor<100xf32>) -> tensor<10xbf16> {
  %0 = stablehlo.slice %x [0:10] : (tensor<100xf32>) -> tensor<10xf32>
  %1 = stablehlo.convert %0 : (tensor<10xf32>) -> tensor<10xbf16>
  return %1 : tensor<10xbf16>
}

// Before elements are repeated, whichever type is wider.
// CHECK-LABEL: @repeated
// CHECK: %[[C:.+]] = stablehlo.convert %arg0 : (tensor<6xbf16>) -> tensor<6xf32>
// CHECK: stablehlo.broadcast_in_dim %[[C]], dims = [1]
func.func @repeated(%x: tensor<6xbf16>) -> tensor<4x6xf32> {
  %0 = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<6xbf16>) -> tensor<4x6xbf16>
  %1 = stablehlo.convert %0 : (tensor<4x6xbf16>) -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}
