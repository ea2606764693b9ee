// RUN: oxide-opt --cost-analysis --remarks %s 2>&1 >/dev/null | filecheck %s

// Counts over open sizes are expressions of their names.

// CHECK: stablehlo.dot_general      1  64*batch
// CHECK: remark: {{.*}}64*batch FLOPs, 0 transcendentals, 48*batch + 128 bytes
func.func @main(%x: tensor<?x4xf32> {oxide.shape = "batch, 4"}, %w: tensor<4x8xf32>) -> tensor<?x8xf32> {
  %0 = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : (tensor<?x4xf32>, tensor<4x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
