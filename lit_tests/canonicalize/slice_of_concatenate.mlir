// RUN: oxide-opt %s --canonicalize | filecheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: %{{.+}}: tensor<3xf32>, %[[Y:.+]]: tensor<4xf32>
// CHECK-NEXT: %[[S:.+]] = stablehlo.slice %[[Y]] [1:4]
// CHECK-NEXT: return %[[S]]
func.func @main(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<3xf32> {
  %0 = stablehlo.concatenate %x, %y, dim = 0 : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
  %1 = stablehlo.slice %0 [4:7] : (tensor<7xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}
