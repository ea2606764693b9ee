// RUN: oxide-opt %s --raise --canonicalize --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK: %[[P:.+]] = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0] : (tensor<2x8xi8>, tensor<8x4xi8>) -> tensor<2x4xi32>
// CHECK: stablehlo.reduce(%{{.+}} init: %{{.+}}) applies stablehlo.add across dimensions = [0] : (tensor<8x4xi32>, tensor<i32>) -> tensor<4xi32>
// CHECK: stablehlo.subtract %[[P]]
func.func @main(%q: tensor<2x8xi8>, %w: tensor<8x4xi8>, %t: tensor<4xf32>) -> tensor<2x4xf32> {
  %z = stablehlo.constant dense<3> : tensor<2x8xi32>
  %s = stablehlo.constant dense<0.1> : tensor<2x8xf32>
  %qi = stablehlo.convert %q : (tensor<2x8xi8>) -> tensor<2x8xi32>
  %qc = stablehlo.subtract %qi, %z : tensor<2x8xi32>
  %qf = stablehlo.convert %qc : (tensor<2x8xi32>) -> tensor<2x8xf32>
  %x = stablehlo.multiply %qf, %s : tensor<2x8xf32>
  %wf = stablehlo.convert %w : (tensor<8x4xi8>) -> tensor<8x4xf32>
  %tb = stablehlo.broadcast_in_dim %t, dims = [1] : (tensor<4xf32>) -> tensor<8x4xf32>
  %v = stablehlo.multiply %wf, %tb : tensor<8x4xf32>
  %y = stablehlo.dot_general %x, %v, contracting_dims = [1] x [0] : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
