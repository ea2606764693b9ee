// RUN: oxide-opt %s --assign-buffers=results=arena --remarks 2>&1 | filecheck %s

// The new cache takes the old one's place.  The other argument's memory is wanted for a result that is needed at the
// same time, so a remark says that it does not lie there.
// CHECK: remark: result 1 does not lie in the memory of argument 1
// CHECK: func.func @main
// CHECK-SAME: oxide.slice = array<i64: [[CACHE:[0-9]+]], 256>, tf.aliasing_output = 0
// CHECK: stablehlo.dynamic_update_slice {{.*}}oxide.slice = array<i64: [[CACHE]], 256>
func.func @main(%cache: tensor<64xf32> {tf.aliasing_output = 0 : i32}, %y: tensor<4xf32> {tf.aliasing_output = 1 : i32},
                %i: tensor<i32>) -> (tensor<64xf32>, tensor<4xf32>) {
  %0 = stablehlo.dynamic_update_slice %cache, %y, %i
    : (tensor<64xf32>, tensor<4xf32>, tensor<i32>) -> tensor<64xf32>
  %1 = stablehlo.reverse %y, dims = [0] : tensor<4xf32>
  return %0, %1 : tensor<64xf32>, tensor<4xf32>
}
