// Integer divisions by constants: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @quotient_of_quotient
// CHECK: %[[C:.+]] = stablehlo.constant dense<-12> : tensor<3xi8>
// CHECK-NEXT: stablehlo.divide %{{.+}}, %[[C]] : tensor<3xi8>
// CHECK-NEXT: return
func.func @quotient_of_quotient(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<4> : tensor<3xi8>
  %d = stablehlo.constant dense<-3> : tensor<3xi8>
  %0 = stablehlo.divide %x, %c : tensor<3xi8>
  %1 = stablehlo.divide %0, %d : tensor<3xi8>
  return %1 : tensor<3xi8>
}

// -----

// 16 times 17 is more than any element.
// CHECK-LABEL: func.func @quotient_of_quotient
// CHECK-NEXT: %[[ZERO:.+]] = stablehlo.constant dense<0> : tensor<3xui8>
// CHECK-NEXT: return %[[ZERO]]
func.func @quotient_of_quotient(%x: tensor<3xui8>) -> tensor<3xui8> {
  %c = stablehlo.constant dense<16> : tensor<3xui8>
  %d = stablehlo.constant dense<17> : tensor<3xui8>
  %0 = stablehlo.divide %x, %c : tensor<3xui8>
  %1 = stablehlo.divide %0, %d : tensor<3xui8>
  return %1 : tensor<3xui8>
}

// -----

// CHECK-LABEL: func.func @remainder_of_remainder
// CHECK: %[[C:.+]] = stablehlo.constant dense<4> : tensor<3xi8>
// CHECK-NEXT: stablehlo.remainder %{{.+}}, %[[C]] : tensor<3xi8>
// CHECK-NEXT: return
func.func @remainder_of_remainder(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<-12> : tensor<3xi8>
  %d = stablehlo.constant dense<4> : tensor<3xi8>
  %0 = stablehlo.remainder %x, %c : tensor<3xi8>
  %1 = stablehlo.remainder %0, %d : tensor<3xi8>
  return %1 : tensor<3xi8>
}

// -----

// CHECK-LABEL: func.func @remainder_of_remainder
// CHECK: %[[R:.+]] = stablehlo.remainder
// CHECK-NEXT: return %[[R]]
func.func @remainder_of_remainder(%x: tensor<3xi8>) -> tensor<3xi8> {
  %c = stablehlo.constant dense<7> : tensor<3xi8>
  %d = stablehlo.constant dense<-12> : tensor<3xi8>
  %0 = stablehlo.remainder %x, %c : tensor<3xi8>
  %1 = stablehlo.remainder %0, %d : tensor<3xi8>
  return %1 : tensor<3xi8>
}
