// RUN: oxide-opt %s --assign-buffers=results=arena | filecheck %s

// The first operand is read element by element; the second is read out of order.
// CHECK: stablehlo.exponential {{.*}}oxide.slice = array<i64: [[A:[0-9]+]], 400>
// CHECK: stablehlo.tanh {{.*}}oxide.slice = array<i64: {{[0-9]+}}, 400>
// CHECK: stablehlo.composite {{.*}}oxide.slice = array<i64: [[A]], 400>
func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  %1 = stablehlo.tanh %x : tensor<100xf32>
  %2 = stablehlo.composite "oxide.fusion" %1, %0 {composite_attributes = {kind = "loop"}, decomposition = @fusion}
    : (tensor<100xf32>, tensor<100xf32>) -> tensor<100xf32>
  return %2 : tensor<100xf32>
}
func.func private @fusion(%a: tensor<100xf32>, %b: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.reverse %a, dims = [0] : tensor<100xf32>
  %1 = stablehlo.negate %b : tensor<100xf32>
  %2 = stablehlo.add %0, %1 : tensor<100xf32>
  return %2 : tensor<100xf32>
}
