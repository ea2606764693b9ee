// RUN: oxide-opt %s --simplify | filecheck %s

// Half of a size is one division, not five operations; that of a vector is worth them.
// CHECK-LABEL: func.func @main
// CHECK: stablehlo.get_dimension_size
// CHECK-NEXT: stablehlo.divide
// CHECK-NOT: stablehlo.divide
// CHECK: return
func.func @main(%x: tensor<?xf32>, %v: tensor<4xi32>) -> (tensor<i32>, tensor<4xi32>) {
  %two = stablehlo.constant dense<2> : tensor<i32>
  %twos = stablehlo.constant dense<2> : tensor<4xi32>
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>
  %half = stablehlo.divide %n, %two : tensor<i32>
  %halves = stablehlo.divide %v, %twos : tensor<4xi32>
  return %half, %halves : tensor<i32>, tensor<4xi32>
}
