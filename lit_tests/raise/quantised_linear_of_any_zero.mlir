// RUN: oxide-opt %s --raise --dce --remarks 2>&1 | filecheck %s

// What the zeros of the matrix are is known when the model runs: no product of integers, but still one of a name.
// CHECK: integer-product: stablehlo.dot_general stays, the zero point of an operand is not in the module
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.composite "oxide.quantized_linear" %arg0, {{.+}}, {{.+}}, %arg1, %arg2, %arg3
// CHECK-SAME: axis = 1 : i64
func.func @main(%q: tensor<2x9xi8>, %r: tensor<6x9xi8>, %t: tensor<6xf32>, %y: tensor<6xi64>) -> tensor<2x6xf32> {
  %s = stablehlo.constant dense<0.25> : tensor<2x9xf32>
  %a = stablehlo.convert %q : (tensor<2x9xi8>) -> tensor<2x9xf32>
  %x = stablehlo.multiply %a, %s : tensor<2x9xf32>
  %d = stablehlo.convert %r : (tensor<6x9xi8>) -> tensor<6x9xi64>
  %e = stablehlo.broadcast_in_dim %y, dims = [0] : (tensor<6xi64>) -> tensor<6x9xi64>
  %f = stablehlo.subtract %d, %e : tensor<6x9xi64>
  %g = stablehlo.convert %f : (tensor<6x9xi64>) -> tensor<6x9xf32>
  %h = stablehlo.broadcast_in_dim %t, dims = [0] : (tensor<6xf32>) -> tensor<6x9xf32>
  %w = stablehlo.multiply %g, %h : tensor<6x9xf32>
  %1 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [1] : (tensor<2x9xf32>, tensor<6x9xf32>) -> tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}
