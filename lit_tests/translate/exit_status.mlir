// RUN: %status 0 oxide-translate --deserialize %s -o %t
// RUN: %status 0 oxide-translate --version
// RUN: %status 1 oxide-translate --deserialize %s.missing
// RUN: %status 1 oxide-translate --deserialize %s -o %t.missing/out
// RUN: %status 2 oxide-translate %s
// RUN: %status 2 oxide-translate --serialize --deserialize %s
// RUN: %status 2 oxide-translate --deserialize %s --args='[]x'
// RUN: %status 2 oxide-translate --no-such-flag %s
func.func @main() {
  return
}
