// RUN: oxide-opt %s --simplify | filecheck %s

// CHECK-LABEL: @widened
// CHECK: %[[R:.+]] = stablehlo.reshape %arg0 : (tensor<4x6xbf16>) -> tensor<4x2x3xbf16>
// CHECK: %[[T:.+]] = stablehlo.transpose %[[R]], dims = [2, 1, 0]
// CHECK: stablehlo.convert %[[T]] : (tensor<3x2x4xbf16>) -> tensor<3x2x4xf32>
func.func @widened(%x: tensor<4x6xbf16>) -> tensor<3x2x4xf32> {
  %0 = stablehlo.convert %x : (tensor<4x6xbf16>) -> tensor<4x6xf32>
  %1 = stablehlo.reshape %0 : (tensor<4x6xf32>) -> tensor<4x2x3xf32>
  %2 = stablehlo.transpose %1, dims = [2, 1, 0] : (tensor<4x2x3xf32>) -> tensor<3x2x4xf32>
  return %2 : tensor<3x2x4xf32>
}

// Not all elements are needed.
// CHECK-LABEL: @sliced
// CHECK: %[[S:.+]] = stablehlo.slice %arg0 [0:10]
// CHECK: stablehlo.convert %[[S]] : (tensor<10xf32>) -> tensor<10xbf16>
func.func @sliced(%x: tensor<100xf32>) -> tensor<10xbf16> {
  %0 = stablehlo.convert %x : (tensor<100xf32>) -> tensor<100xbf16>
  %1 = stablehlo.slice %0 [0:10] : (tensor<100xbf16>) -> tensor<10xbf16>
  return %1 : tensor<10xbf16>
}

// One conversion instead of two, and the constant is a number of the narrow type.
// CHECK-LABEL: @joined
// CHECK: %[[HALF:.+]] = stablehlo.constant dense<5.000000e-01> : tensor<1xf16>
// CHECK: %[[J:.+]] = stablehlo.concatenate %arg0, %[[HALF]], %arg1, dim = 0
// CHECK: stablehlo.convert %[[J]] : (tensor<6xf16>) -> tensor<6xf32>
func.func @joined(%x: tensor<2xf16>, %y: tensor<3xf16>) -> tensor<6xf32> {
  %half = stablehlo.constant dense<0.5> : tensor<1xf32>
  %0 = stablehlo.convert %x : (tensor<2xf16>) -> tensor<2xf32>
  %1 = stablehlo.convert %y : (tensor<3xf16>) -> tensor<3xf32>
  %2 = stablehlo.concatenate %0, %half, %1, dim = 0
    : (tensor<2xf32>, tensor<1xf32>, tensor<3xf32>) -> tensor<6xf32>
  return %2 : tensor<6xf32>
}

// 0.1 is no number of the narrow type, and what is read elsewhere would be converted twice.
// CHECK-LABEL: @kept
// CHECK: %[[C:.+]] = stablehlo.convert %arg0
// CHECK: stablehlo.pad %[[C]]
// CHECK: %[[D:.+]] = stablehlo.convert %arg1
// CHECK: stablehlo.transpose %[[D]]
func.func @kept(%x: tensor<2xf16>, %y: tensor<2x3xf16>) -> (tensor<4xf32>, tensor<3x2xf32>, tensor<2x3xf32>) {
  %tenth = stablehlo.constant dense<0.1> : tensor<f32>
  %0 = stablehlo.convert %x : (tensor<2xf16>) -> tensor<2xf32>
  %1 = stablehlo.pad %0, %tenth, low = [1], high = [1], interior = [0] : (tensor<2xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = stablehlo.convert %y : (tensor<2x3xf16>) -> tensor<2x3xf32>
  %3 = stablehlo.transpose %2, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %1, %3, %2 : tensor<4xf32>, tensor<3x2xf32>, tensor<2x3xf32>
}
