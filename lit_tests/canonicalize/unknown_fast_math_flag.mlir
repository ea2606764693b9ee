// RUN: %status 1 oxide-opt %s --canonicalize='fast-math=nnan,fast' 2>&1 | filecheck %s

// CHECK: canonicalize: fast-math takes nnan, nsz, reassoc, not fast
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}
