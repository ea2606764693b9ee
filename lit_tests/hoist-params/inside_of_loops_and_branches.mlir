// RUN: oxide-opt %s --hoist-params | filecheck %s
// RUN: oxide-opt %s --hoist-params=max-growth=8 --remarks 2>&1 | filecheck %s --check-prefix=LITTLE

// CHECK: func.func public @prepare(%[[V:.+]]: tensor<2x3xf32> {oxide.param = "v"}, %[[W:.+]]: tensor<4xf32> {oxide.param = "w"})
// CHECK: stablehlo.transpose %[[V]]
// CHECK: stablehlo.sine %[[W]]
// CHECK: func.func @main
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<3x2xf32> {oxide.param = "v_transposed"}
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<4xf32> {oxide.param = "w_prepared"}
// CHECK: stablehlo.while
// CHECK-NOT: stablehlo.transpose
// CHECK: stablehlo.dot_general %{{.+}}, %[[T]]
// CHECK: stablehlo.if
// CHECK-NEXT: stablehlo.add %{{.+}}, %[[S]]

// The weight is read elsewhere too, so that its sine would be 16 bytes more; it stays where it is.
// LITTLE: remark: hoist-params: stablehlo.sine of weights stays, 16 bytes more would exceed max-growth=8
// LITTLE: stablehlo.if
// LITTLE-NEXT: stablehlo.sine
func.func @main(%x: tensor<3x3xf32>, %y: tensor<4xf32>, %p: tensor<i1>, %v: tensor<2x3xf32> {oxide.param = "v"},
    %w: tensor<4xf32> {oxide.param = "w"}) -> (tensor<3x3xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %ten = stablehlo.constant dense<10> : tensor<i32>
  %0:2 = stablehlo.while(%i = %zero, %s = %x) : tensor<i32>, tensor<3x3xf32>
  cond {
    %3 = stablehlo.compare LT, %i, %ten : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %3 : tensor<i1>
  } do {
    %3 = stablehlo.transpose %v, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    %4 = stablehlo.dot_general %s, %3, contracting_dims = [1] x [0] : (tensor<3x3xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
    %5 = stablehlo.concatenate %4, %4, dim = 1 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x4xf32>
    %6 = stablehlo.slice %5 [0:3, 0:3] : (tensor<3x4xf32>) -> tensor<3x3xf32>
    %7 = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %7, %6 : tensor<i32>, tensor<3x3xf32>
  }
  %1 = "stablehlo.if"(%p) ({
    %3 = stablehlo.sine %w : tensor<4xf32>
    %4 = stablehlo.add %y, %3 : tensor<4xf32>
    stablehlo.return %4 : tensor<4xf32>
  }, {
    stablehlo.return %y : tensor<4xf32>
  }) : (tensor<i1>) -> tensor<4xf32>
  %2 = stablehlo.multiply %y, %w : tensor<4xf32>
  return %0#1, %1, %2 : tensor<3x3xf32>, tensor<4xf32>, tensor<4xf32>
}
