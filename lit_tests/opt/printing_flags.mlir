// RUN: oxide-opt %s --mlir-print-op-generic | filecheck %s --check-prefix GENERIC
// RUN: oxide-opt %s --mlir-print-debuginfo | filecheck %s --check-prefix DEBUG
// RUN: oxide-opt %s --mlir-print-debuginfo --mlir-print-local-scope | filecheck %s --check-prefix LOCAL
// RUN: oxide-opt %s --mlir-elide-elementsattrs-if-larger=2 | filecheck %s --check-prefix ELIDE
// RUN: oxide-opt %s --mlir-use-nameloc-as-prefix | filecheck %s --check-prefix NAMED

// GENERIC: "func.func"() <{
// GENERIC: "stablehlo.constant"() <{value = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]>
// DEBUG: stablehlo.constant {{.*}} loc(#[[LOC:.*]])
// DEBUG: #[[LOC]] = loc("weights")
// LOCAL: stablehlo.constant {{.*}} loc("weights")
// LOCAL: return {{.*}} loc("{{.*}}printing_flags.mlir":17:3)
// ELIDE: stablehlo.constant dense_resource<__elided__>
// NAMED: %weights = stablehlo.constant
func.func @main() -> tensor<3xf32> {
  %0 = stablehlo.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32> loc("weights")
  return %0 : tensor<3xf32>
}
