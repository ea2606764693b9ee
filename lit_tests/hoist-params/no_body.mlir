// RUN: oxide-opt %s --hoist-params --fold-batch-norm --inline-prepare | filecheck %s

// CHECK: func.func private @main(tensor<4xf32>) -> tensor<4xf32>
func.func private @main(tensor<4xf32>) -> tensor<4xf32>
