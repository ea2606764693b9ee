// RUN: oxide-translate --serialize %s -o %t.mlirbc
// RUN: oxide-translate --deserialize %t.mlirbc | filecheck %s
// RUN: oxide-translate --serialize %s | oxide-translate --deserialize | filecheck %s
// RUN: oxide-opt %t.mlirbc | filecheck %s

// CHECK: module @tiny attributes {oxide.note = "kept"}
// CHECK: func.func public @main(%[[X:.*]]: tensor<2xf32> {oxide.name = "x"}, %{{.*}}: tensor<2xf32> {oxide.param = "w"}) -> (tensor<2xf32> {oxide.name = "y"})
// CHECK-NEXT: stablehlo.composite "oxide.silu" %[[X]] {decomposition = @silu}
module @tiny attributes {oxide.note = "kept"} {
  func.func public @main(%x: tensor<2xf32> {oxide.name = "x"}, %w: tensor<2xf32> {oxide.param = "w"})
      -> (tensor<2xf32> {oxide.name = "y"}) {
    %0 = stablehlo.composite "oxide.silu" %x {decomposition = @silu} : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func private @silu(%x: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.logistic %x : tensor<2xf32>
    %1 = stablehlo.multiply %x, %0 : tensor<2xf32>
    return %1 : tensor<2xf32>
  }
}
