// RUN: oxide-opt %s --assign-buffers="results=arena report=html output=%t.html" -o %t && filecheck %s < %t.html

// CHECK: <title>Buffer plan</title>
// CHECK: <tr><td>arena</td><td>448 bytes</td></tr>
// CHECK: <rect {{.*}}<title>400 bytes at 0, time 1 to 2: stablehlo.exponential tensor&lt;100xf32&gt;
// CHECK: Alive at the peak, time 1: 1 of 1 buffers
func.func @main(%x: tensor<100xf32>) -> tensor<100xf32> {
  %0 = stablehlo.exponential %x : tensor<100xf32>
  return %0 : tensor<100xf32>
}
