// RUN: oxide-opt %s --simplify | filecheck %s
// RUN: oxide-opt %s --simplify --hoist-params | filecheck %s --check-prefix=HOISTED

// CHECK: %[[W:.+]] = stablehlo.concatenate %arg1, %arg2, dim = 1 : (tensor<3x4xf32>, tensor<3x2xf32>)
// CHECK: %[[Y:.+]] = stablehlo.dot_general %arg0, %[[W]], contracting_dims = [1] x [0]
// CHECK: stablehlo.slice %[[Y]] [0:2, 0:4]
// CHECK: stablehlo.slice %[[Y]] [0:2, 4:6]

// HOISTED: @main({{.+}}, %[[W:[a-z0-9]+]]: tensor<3x6xf32> {oxide.param = "q_concatenated"})
// HOISTED: stablehlo.dot_general %arg0, %[[W]]
func.func @main(%x: tensor<2x3xf32>, %q: tensor<3x4xf32> {oxide.param = "q"},
                %k: tensor<3x2xf32> {oxide.param = "k"}) -> (tensor<2x4xf32>, tensor<2x2xf32>) {
  %0 = stablehlo.dot_general %x, %q, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %1 = stablehlo.dot_general %x, %k, contracting_dims = [1] x [0]
    : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<2x2xf32>
}
