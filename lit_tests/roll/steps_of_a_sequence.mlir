// RUN: oxide-opt %s --roll --canonicalize | filecheck %s

// Each step takes a row of x, from the last to the first, and what it gives is a row of the result.
// CHECK: func.func @main(%[[X:[^:]+]]: tensor<3x4xf32>, %[[H:[^:]+]]: tensor<4xf32>)
// CHECK: %[[R:.+]]:3 = stablehlo.while(%[[I:[^ ]+]] = %{{[^,]+}}, %[[S:[^ ]+]] = %[[H]], %[[Y:[^ ]+]] =
// CHECK: %[[P:.+]] = stablehlo.subtract %{{.+}}, %[[I]]
// CHECK-NEXT: %[[E:.+]] = stablehlo.dynamic_slice %[[X]], %[[P]], %{{.+}}, sizes = [1, 4]
// CHECK: func.call @step(%[[S]], %{{.+}})
// CHECK: stablehlo.dynamic_update_slice %[[Y]], %{{.+}}
// CHECK-NOT: stablehlo.concatenate
// CHECK: return %[[R]]#2, %[[R]]#1
func.func @main(%x: tensor<3x4xf32>, %h: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<4xf32>) {
  %a = stablehlo.slice %x [2:3, 0:4] : (tensor<3x4xf32>) -> tensor<1x4xf32>
  %0 = call @step(%h, %a) : (tensor<4xf32>, tensor<1x4xf32>) -> tensor<4xf32>
  %p = stablehlo.reshape %0 : (tensor<4xf32>) -> tensor<1x4xf32>
  %b = stablehlo.slice %x [1:2, 0:4] : (tensor<3x4xf32>) -> tensor<1x4xf32>
  %1 = call @step(%0, %b) : (tensor<4xf32>, tensor<1x4xf32>) -> tensor<4xf32>
  %q = stablehlo.reshape %1 : (tensor<4xf32>) -> tensor<1x4xf32>
  %c = stablehlo.slice %x [0:1, 0:4] : (tensor<3x4xf32>) -> tensor<1x4xf32>
  %2 = call @step(%1, %c) : (tensor<4xf32>, tensor<1x4xf32>) -> tensor<4xf32>
  %r = stablehlo.reshape %2 : (tensor<4xf32>) -> tensor<1x4xf32>
  %y = stablehlo.concatenate %r, %q, %p, dim = 0 : (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<3x4xf32>
  return %y, %2 : tensor<3x4xf32>, tensor<4xf32>
}
func.func private @step(%h: tensor<4xf32>, %x: tensor<1x4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.reshape %x : (tensor<1x4xf32>) -> tensor<4xf32>
  %1 = stablehlo.add %0, %h : tensor<4xf32>
  return %1 : tensor<4xf32>
}
