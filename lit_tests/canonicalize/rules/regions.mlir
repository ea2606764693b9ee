// Loops, branches and operations of several results: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// The condition is false for the initial state.
// CHECK-LABEL: func.func @while_never_entered
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.negate %[[X]] : tensor<2xf32>
// CHECK-NEXT: return %[[R0]] : tensor<2xf32>
func.func @while_never_entered(%x: tensor<2xf32>) -> tensor<2xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %n:2 = stablehlo.while(%i = %zero, %a = %x) : tensor<i32>, tensor<2xf32>
  cond {
    %bound = stablehlo.constant dense<0> : tensor<i32>
    %p = stablehlo.compare LT, %i, %bound : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %j = stablehlo.add %i, %one : tensor<i32>
    %b = stablehlo.negate %a : tensor<2xf32>
    stablehlo.return %j, %b : tensor<i32>, tensor<2xf32>
  }
  %r = stablehlo.negate %n#1 : tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @single_trip_while
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.tanh %[[X]] : tensor<2xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.negate %[[R0]] : tensor<2xf32>
// CHECK-NEXT: return %[[R1]] : tensor<2xf32>
func.func @single_trip_while(%x: tensor<2xf32>) -> tensor<2xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %n:2 = stablehlo.while(%i = %zero, %a = %x) : tensor<i32>, tensor<2xf32>
  cond {
    %bound = stablehlo.constant dense<1> : tensor<i32>
    %p = stablehlo.compare LT, %i, %bound : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %j = stablehlo.add %i, %one : tensor<i32>
    %b = stablehlo.tanh %a : tensor<2xf32>
    stablehlo.return %j, %b : tensor<i32>, tensor<2xf32>
  }
  %r = stablehlo.negate %n#1 : tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @invariant_while_state
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<i32>
// CHECK-NEXT: %[[R1:.+]]:2 = stablehlo.while(%{{.+}} = %[[R0]], %{{.+}} = %[[X]]) : tensor<i32>, tensor<2xf32>
// CHECK-NEXT: cond {
// CHECK-NEXT: %[[R2:.+]] = stablehlo.constant dense<3> : tensor<i32>
// CHECK-NEXT: %[[R3:.+]] = stablehlo.compare LT, %{{.+}}, %[[R2]] : (tensor<i32>, tensor<i32>) -> tensor<i1>
// CHECK-NEXT: stablehlo.return %[[R3]] : tensor<i1>
// CHECK-NEXT: } do {
// CHECK-NEXT: %[[R4:.+]] = stablehlo.constant dense<1> : tensor<i32>
// CHECK-NEXT: %[[R5:.+]] = stablehlo.add %{{.+}}, %[[R4]] : tensor<i32>
// CHECK-NEXT: %[[R6:.+]] = stablehlo.maximum %{{.+}}, %[[Y]] : tensor<2xf32>
// CHECK-NEXT: stablehlo.return %[[R5]], %[[R6]] : tensor<i32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: %[[R7:.+]] = stablehlo.subtract %[[R1]]#1, %[[Y]] : tensor<2xf32>
// CHECK-NEXT: return %[[R7]] : tensor<2xf32>
func.func @invariant_while_state(%x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %n:3 = stablehlo.while(%i = %zero, %a = %x, %k = %y) : tensor<i32>, tensor<2xf32>, tensor<2xf32>
  cond {
    %bound = stablehlo.constant dense<3> : tensor<i32>
    %p = stablehlo.compare LT, %i, %bound : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %j = stablehlo.add %i, %one : tensor<i32>
    %b = stablehlo.maximum %a, %k : tensor<2xf32>
    stablehlo.return %j, %b, %k : tensor<i32>, tensor<2xf32>, tensor<2xf32>
  }
  %r = stablehlo.subtract %n#1, %n#2 : tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// Two values that only feed each other.
// CHECK-LABEL: func.func @unused_while_state
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<i32>
// CHECK-NEXT: %[[R1:.+]]:2 = stablehlo.while(%{{.+}} = %[[R0]], %{{.+}} = %[[X]]) : tensor<i32>, tensor<2xf32>
// CHECK-NEXT: cond {
// CHECK-NEXT: %[[R2:.+]] = stablehlo.constant dense<3> : tensor<i32>
// CHECK-NEXT: %[[R3:.+]] = stablehlo.compare LT, %{{.+}}, %[[R2]] : (tensor<i32>, tensor<i32>) -> tensor<i1>
// CHECK-NEXT: stablehlo.return %[[R3]] : tensor<i1>
// CHECK-NEXT: } do {
// CHECK-NEXT: %[[R4:.+]] = stablehlo.constant dense<1> : tensor<i32>
// CHECK-NEXT: %[[R5:.+]] = stablehlo.add %{{.+}}, %[[R4]] : tensor<i32>
// CHECK-NEXT: %[[R6:.+]] = stablehlo.tanh %{{.+}} : tensor<2xf32>
// CHECK-NEXT: stablehlo.return %[[R5]], %[[R6]] : tensor<i32>, tensor<2xf32>
// CHECK-NEXT: }
// CHECK-NEXT: %[[R7:.+]] = stablehlo.negate %[[R1]]#1 : tensor<2xf32>
// CHECK-NEXT: return %[[R7]] : tensor<2xf32>
func.func @unused_while_state(%x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %n:4 = stablehlo.while(%i = %zero, %a = %x, %k = %y, %l = %x) : tensor<i32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  cond {
    %bound = stablehlo.constant dense<3> : tensor<i32>
    %p = stablehlo.compare LT, %i, %bound : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %p : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %j = stablehlo.add %i, %one : tensor<i32>
    %b = stablehlo.tanh %a : tensor<2xf32>
    %c = stablehlo.negate %l : tensor<2xf32>
    %d = stablehlo.maximum %k, %a : tensor<2xf32>
    stablehlo.return %j, %b, %c, %d : tensor<i32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  }
  %r = stablehlo.negate %n#1 : tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @known_branch_result
// CHECK-SAME: %[[P:.+]]: {{.*}}%[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.if"(%[[P]]) ({
// CHECK-NEXT: %[[R1:.+]] = stablehlo.tanh %[[X]] : tensor<2xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<2xf32>
// CHECK-NEXT: }, {
// CHECK-NEXT: stablehlo.return %[[X]] : tensor<2xf32>
// CHECK-NEXT: }) : (tensor<i1>) -> tensor<2xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.add %[[R0]], %[[Y]] : tensor<2xf32>
// CHECK-NEXT: return %[[R2]] : tensor<2xf32>
func.func @known_branch_result(%p: tensor<i1>, %x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  %n:2 = "stablehlo.if"(%p) ({
    %a = stablehlo.tanh %x : tensor<2xf32>
    stablehlo.return %a, %y : tensor<2xf32>, tensor<2xf32>
  }, {
    stablehlo.return %x, %y : tensor<2xf32>, tensor<2xf32>
  }) : (tensor<i1>) -> (tensor<2xf32>, tensor<2xf32>)
  %r = stablehlo.add %n#0, %n#1 : tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @unused_branch_results
// CHECK-SAME: %[[P:.+]]: {{.*}}%[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.if"(%[[P]]) ({
// CHECK-NEXT: %[[R1:.+]] = stablehlo.tanh %[[X]] : tensor<2xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<2xf32>
// CHECK-NEXT: }, {
// CHECK-NEXT: stablehlo.return %[[X]] : tensor<2xf32>
// CHECK-NEXT: }) : (tensor<i1>) -> tensor<2xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.negate %[[R0]] : tensor<2xf32>
// CHECK-NEXT: return %[[R2]] : tensor<2xf32>
func.func @unused_branch_results(%p: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %n:2 = "stablehlo.if"(%p) ({
    %a = stablehlo.tanh %x : tensor<2xf32>
    %b = stablehlo.sine %x : tensor<2xf32>
    stablehlo.return %b, %a : tensor<2xf32>, tensor<2xf32>
  }, {
    %a = stablehlo.negate %x : tensor<2xf32>
    stablehlo.return %a, %x : tensor<2xf32>, tensor<2xf32>
  }) : (tensor<i1>) -> (tensor<2xf32>, tensor<2xf32>)
  %r = stablehlo.negate %n#1 : tensor<2xf32>
  return %r : tensor<2xf32>
}

// -----

// The maximum does not depend on where it was found.
// CHECK-LABEL: func.func @unused_reductions
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[I:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0xFF800000> : tensor<f32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.reduce(%[[X]] init: %[[R0]]) applies stablehlo.maximum across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.negate %[[R1]] : tensor<f32>
// CHECK-NEXT: return %[[R2]] : tensor<f32>
func.func @unused_reductions(%x: tensor<4xf32>, %i: tensor<4xi32>) -> tensor<f32> {
  %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %n:2 = stablehlo.reduce(%x init: %low), (%i init: %zero) across dimensions = [0] : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
   reducer(%a: tensor<f32>, %b: tensor<f32>) (%c: tensor<i32>, %d: tensor<i32>) {
    %p = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %m = stablehlo.maximum %a, %b : tensor<f32>
    %j = stablehlo.select %p, %c, %d : tensor<i1>, tensor<i32>
    stablehlo.return %m, %j : tensor<f32>, tensor<i32>
  }
  %r = stablehlo.negate %n#0 : tensor<f32>
  return %r : tensor<f32>
}

// -----

// CHECK-LABEL: func.func @unused_sort_operands
// CHECK-SAME: %[[X:.+]]: {{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.sort"(%[[X]]) <{dimension = 0 : i64}> ({
// CHECK-NEXT: ^bb0(%{{.+}}: tensor<f32>, %{{.+}}: tensor<f32>):
// CHECK-NEXT: %[[R1:.+]] = stablehlo.compare LT, %{{.+}}, %{{.+}} : (tensor<f32>, tensor<f32>) -> tensor<i1>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<i1>
// CHECK-NEXT: }) : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT: %[[R2:.+]] = stablehlo.negate %[[R0]] : tensor<4xf32>
// CHECK-NEXT: return %[[R2]] : tensor<4xf32>
func.func @unused_sort_operands(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %n:2 = "stablehlo.sort"(%x, %y) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
    %l = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %l : tensor<i1>
  }) {dimension = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  %r = stablehlo.negate %n#0 : tensor<4xf32>
  return %r : tensor<4xf32>
}
