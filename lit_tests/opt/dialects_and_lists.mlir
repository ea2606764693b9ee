// RUN: oxide-opt --show-dialects | filecheck %s --check-prefix DIALECTS
// RUN: oxide-opt --list-passes | filecheck %s --check-prefix PASSES
// RUN: oxide-opt --version | filecheck %s --check-prefix VERSION

// DIALECTS: Available dialects:
// DIALECTS: {{^chlo$}}
// DIALECTS: {{^func$}}
// DIALECTS: {{^stablehlo$}}
// PASSES: Oxide passes:
// PASSES: print-op-stats {{.*}} Print how often
// PASSES: Named pipelines:
// PASSES: default
// PASSES: Native passes:
// PASSES: chlo-legalize-to-stablehlo
// VERSION: oxide-opt {{[0-9]+\.[0-9]+\.[0-9]+}} (jaxlib {{.*}})
