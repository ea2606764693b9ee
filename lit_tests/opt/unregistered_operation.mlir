// RUN: oxide-opt %s --verify-diagnostics
// RUN: oxide-opt %s --allow-unregistered-dialect | filecheck %s

// CHECK: "strange.operation"()
// expected-error@+1 {{unregistered operation strange.operation}}
"strange.operation"() : () -> ()
