// RUN: not oxide-opt %s --assign-buffers 2>&1 | filecheck %s

// CHECK: buffers cannot be assigned
// CHECK: type tensor<?xf32> has no size known at compile time
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = stablehlo.exponential %x : tensor<?xf32>
  return %0 : tensor<?xf32>
}
