// RUN: oxide-opt %s --outline=min-ops=4 --mlir-print-debuginfo | filecheck %s

// A call stands where its block does; the function keeps the first block's locations.
// CHECK: call @layer({{.+}} loc(#[[FIRST:.+]])
// CHECK: call @layer({{.+}} loc(#[[SECOND:.+]])
// CHECK: func.func private @layer
// CHECK: stablehlo.sine {{.+}} loc(#[[SINE:.+]])
// CHECK: } loc(#[[FIRST]])
// CHECK-DAG: #[[FIRST]] = loc("layers.0")
// CHECK-DAG: #[[SECOND]] = loc("layers.1")
// CHECK-DAG: #[[SINE]] = loc("layers.0.a/sine")
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.sine %x : tensor<4xf32> loc("layers.0.a/sine")
  %1 = stablehlo.cosine %0 : tensor<4xf32> loc("layers.0.a/cosine")
  %2 = stablehlo.tanh %1 : tensor<4xf32> loc("layers.0/tanh")
  %3 = stablehlo.abs %2 : tensor<4xf32> loc("layers.0/abs")
  %4 = stablehlo.sine %3 : tensor<4xf32> loc("layers.1.a/sine")
  %5 = stablehlo.cosine %4 : tensor<4xf32> loc("layers.1.a/cosine")
  %6 = stablehlo.tanh %5 : tensor<4xf32> loc("layers.1/tanh")
  %7 = stablehlo.abs %6 : tensor<4xf32> loc("layers.1/abs")
  return %7 : tensor<4xf32>
}
