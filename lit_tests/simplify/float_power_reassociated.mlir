// RUN: oxide-opt %s --simplify=reassociate | filecheck %s
// RUN: oxide-opt %s --simplify --remarks 2>&1 | filecheck %s --check-prefix=KEPT

// CHECK: %[[S:.+]] = stablehlo.multiply %arg0, %arg0
// CHECK: %[[C:.+]] = stablehlo.multiply %arg0, %[[S]]
// CHECK: %[[P:.+]] = stablehlo.add %arg0, %{{.+}}
// CHECK: %[[R:.+]] = stablehlo.rsqrt %[[P]]
// CHECK: %[[H:.+]] = stablehlo.select %{{.+}}, %{{.+}}, %[[R]]
// CHECK: return %[[C]], %[[H]]

// KEPT-COUNT-2: float-power: stablehlo.power stays, several operations round more than once; it needs reassociate
func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c = stablehlo.constant dense<3.0> : tensor<4xf32>
  %d = stablehlo.constant dense<-0.5> : tensor<4xf32>
  %0 = stablehlo.power %x, %c : tensor<4xf32>
  %1 = stablehlo.power %x, %d : tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
