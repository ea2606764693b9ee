// RUN: oxide-opt %s --simplify=reassociate | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// A bias and a shift behind it; three factors.
// CHECK: %[[S:.+]] = stablehlo.add %arg1, %arg2 : tensor<3xf32>
// CHECK: %[[T:.+]] = stablehlo.broadcast_in_dim %[[S]], dims = [1]
// CHECK: %[[Y:.+]] = stablehlo.add %arg0, %[[T]]
// CHECK: stablehlo.multiply %{{.+}}, %arg2 : tensor<3xf32>
// CHECK: %[[Z:.+]] = stablehlo.multiply %arg0, %{{.+}} : tensor<2x3xf32>
// CHECK-NEXT: return %[[Y]], %[[Z]]

// KEPT: merge-terms: stablehlo.add stays, it needs reassociate
func.func @main(%x: tensor<2x3xf32>, %b: tensor<3xf32> {oxide.param = "b"}, %c: tensor<3xf32> {oxide.param = "c"},
                %d: tensor<3xf32> {oxide.param = "d"}) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %1 = stablehlo.broadcast_in_dim %c, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %2 = stablehlo.broadcast_in_dim %d, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
  %3 = stablehlo.add %x, %0 : tensor<2x3xf32>
  %4 = stablehlo.add %1, %3 : tensor<2x3xf32>
  %5 = stablehlo.multiply %x, %2 : tensor<2x3xf32>
  %6 = stablehlo.multiply %5, %0 : tensor<2x3xf32>
  %7 = stablehlo.multiply %6, %1 : tensor<2x3xf32>
  return %4, %7 : tensor<2x3xf32>, tensor<2x3xf32>
}
