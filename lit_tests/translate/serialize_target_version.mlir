// The producer string of an artefact names the version it can be read by.
// RUN: oxide-translate --serialize --target=1.5 %s -o %t.mlirbc
// RUN: %python -c "import sys; print(open(sys.argv[1], 'rb').read()[4:40])" %t.mlirbc | filecheck %s
// RUN: not oxide-translate --serialize --target=7.0 %s 2>&1 | filecheck %s --check-prefix=LATER
// RUN: not oxide-translate --serialize --target=soon %s 2>&1 | filecheck %s --check-prefix=WORD

// CHECK: StableHLO_v1.5.0
// LATER: error: target version 7.0.0 is outside
// WORD: error: target version 'soon' is none of 1.x, 1.x.y, current, minimum, 4w, 12w
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
