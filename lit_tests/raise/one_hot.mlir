// RUN: oxide-opt %s --raise --dce | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[Y:.+]] = stablehlo.composite "oxide.one_hot" %arg0 {composite_attributes = {axis = 1 : i64, depth = 4 : i64, dtype = "f32"}
// CHECK-NEXT: return %[[Y]]
func.func @main(%i: tensor<2x3xi32>) -> tensor<2x4x3xf32> {
  %b = stablehlo.broadcast_in_dim %i, dims = [0, 2] : (tensor<2x3xi32>) -> tensor<2x4x3xi32>
  %p = stablehlo.iota dim = 1 : tensor<2x4x3xi32>
  %e = stablehlo.compare EQ, %b, %p : (tensor<2x4x3xi32>, tensor<2x4x3xi32>) -> tensor<2x4x3xi1>
  %y = stablehlo.convert %e : (tensor<2x4x3xi1>) -> tensor<2x4x3xf32>
  return %y : tensor<2x4x3xf32>
}
