// RUN: not oxide-opt %s --inline-prepare 2>&1 | filecheck %s

// CHECK: @main has weights from "prepare", which is no other function of the module
func.func @main(%s: tensor<4xf32> {oxide.param = "s"}) -> tensor<4xf32> attributes {oxide.prepare = "prepare"} {
  return %s : tensor<4xf32>
}
