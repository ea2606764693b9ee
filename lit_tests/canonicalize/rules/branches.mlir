// Branches and loops: a function is named after its rule; tests/passes/test_canonicalize_files.py
// checks that the rule fires and that the values stay.
// RUN: oxide-opt %s --split-input-file --canonicalize | filecheck %s

// CHECK-LABEL: func.func @equal_branches
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.multiply %[[X]], %[[Y]] : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.subtract %[[X]], %[[R0]] : tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @equal_branches(%p: tensor<i1>, %x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %0 = stablehlo.multiply %x, %y : tensor<3xf32>
    %1 = stablehlo.subtract %x, %0 : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }, {
    %0 = stablehlo.multiply %y, %x : tensor<3xf32>
    %1 = stablehlo.subtract %x, %0 : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @case_of_bool
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.if"(%[[P]]) ({
// CHECK-NEXT: %[[R1:.+]] = stablehlo.abs %[[X]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<3xf32>
// CHECK-NEXT: }, {
// CHECK-NEXT: %[[R1]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<3xf32>
// CHECK-NEXT: }) : (tensor<i1>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @case_of_bool(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.convert %p : (tensor<i1>) -> tensor<i32>
  %r = "stablehlo.case"(%0) ({
    %1 = stablehlo.negate %x : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }, {
    %1 = stablehlo.abs %x : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }) : (tensor<i32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @if_not
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.if"(%[[P]]) ({
// CHECK-NEXT: %[[R1:.+]] = stablehlo.abs %[[X]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<3xf32>
// CHECK-NEXT: }, {
// CHECK-NEXT: %[[R1]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<3xf32>
// CHECK-NEXT: }) : (tensor<i1>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @if_not(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = stablehlo.not %p : tensor<i1>
  %r = "stablehlo.if"(%0) ({
    %1 = stablehlo.negate %x : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }, {
    %1 = stablehlo.abs %x : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @predicate_in_branch
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:{{.*}}%[[Y:.+]]:
// CHECK-NEXT: %[[R0:.+]] = "stablehlo.if"(%[[P]]) ({
// CHECK-NEXT: %[[R1:.+]] = stablehlo.negate %[[X]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<3xf32>
// CHECK-NEXT: }, {
// CHECK-NEXT: %[[R1]] = stablehlo.abs %[[Y]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R1]] : tensor<3xf32>
// CHECK-NEXT: }) : (tensor<i1>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R0]] : tensor<3xf32>
func.func @predicate_in_branch(%p: tensor<i1>, %x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %0 = stablehlo.select %p, %x, %y : tensor<i1>, tensor<3xf32>
    %1 = stablehlo.negate %0 : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }, {
    %0 = stablehlo.select %p, %x, %y : tensor<i1>, tensor<3xf32>
    %1 = stablehlo.abs %0 : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @common_branch_code
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.multiply %[[X]], %[[X]] : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = "stablehlo.if"(%[[P]]) ({
// CHECK-NEXT: %[[R2:.+]] = stablehlo.negate %[[R0]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R2]] : tensor<3xf32>
// CHECK-NEXT: }, {
// CHECK-NEXT: %[[R2]] = stablehlo.floor %[[R0]] : tensor<3xf32>
// CHECK-NEXT: stablehlo.return %[[R2]] : tensor<3xf32>
// CHECK-NEXT: }) : (tensor<i1>) -> tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @common_branch_code(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    %0 = stablehlo.multiply %x, %x : tensor<3xf32>
    %1 = stablehlo.negate %0 : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }, {
    %0 = stablehlo.multiply %x, %x : tensor<3xf32>
    %1 = stablehlo.floor %0 : tensor<3xf32>
    stablehlo.return %1 : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @branch_result_as_select
// CHECK-SAME: %[[P:.+]]:{{.*}}%[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<2.500000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.select %[[P]], %[[X]], %[[R0]] : tensor<i1>, tensor<3xf32>
// CHECK-NEXT: return %[[R1]] : tensor<3xf32>
func.func @branch_result_as_select(%p: tensor<i1>, %x: tensor<3xf32>) -> tensor<3xf32> {
  %r = "stablehlo.if"(%p) ({
    stablehlo.return %x : tensor<3xf32>
  }, {
    %c = stablehlo.constant dense<2.5> : tensor<3xf32>
    stablehlo.return %c : tensor<3xf32>
  }) : (tensor<i1>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

// CHECK-LABEL: func.func @equal_while_state
// CHECK-SAME: %[[X:.+]]:
// CHECK-NEXT: %[[R0:.+]] = stablehlo.constant dense<0> : tensor<i32>
// CHECK-NEXT: %[[R1:.+]] = stablehlo.constant dense<5> : tensor<i32>
// CHECK-NEXT: %[[R2:.+]]:2 = stablehlo.while(%[[R3:.+]] = %[[R0]], %[[R4:.+]] = %[[X]]) : tensor<i32>, tensor<3xf32>
// CHECK-NEXT: cond {
// CHECK-NEXT: %[[R5:.+]] = stablehlo.compare LT, %[[R3]], %[[R1]] : (tensor<i32>, tensor<i32>) -> tensor<i1>
// CHECK-NEXT: stablehlo.return %[[R5]] : tensor<i1>
// CHECK-NEXT: } do {
// CHECK-NEXT: %[[R6:.+]] = stablehlo.constant dense<1> : tensor<i32>
// CHECK-NEXT: %[[R5]] = stablehlo.convert %[[R3]] : (tensor<i32>) -> tensor<f32>
// CHECK-NEXT: %[[R7:.+]] = stablehlo.broadcast_in_dim %[[R5]], dims = [] : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT: %[[R8:.+]] = stablehlo.subtract %[[R4]], %[[R7]] : tensor<3xf32>
// CHECK-NEXT: %[[R9:.+]] = stablehlo.add %[[R3]], %[[R6]] : tensor<i32>
// CHECK-NEXT: stablehlo.return %[[R9]], %[[R8]] : tensor<i32>, tensor<3xf32>
// CHECK-NEXT: }
// CHECK-NEXT: %[[R10:.+]] = stablehlo.negate %[[R2]]#1 : tensor<3xf32>
// CHECK-NEXT: return %[[R10]] : tensor<3xf32>
func.func @equal_while_state(%x: tensor<3xf32>) -> tensor<3xf32> {
  %z = stablehlo.constant dense<0> : tensor<i32>
  %n = stablehlo.constant dense<5> : tensor<i32>
  %1:3 = stablehlo.while(%i = %z, %k = %z, %a = %x) : tensor<i32>, tensor<i32>, tensor<3xf32>
  cond {
    %c = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  } do {
    %one = stablehlo.constant dense<1> : tensor<i32>
    %f = stablehlo.convert %k : (tensor<i32>) -> tensor<f32>
    %g = stablehlo.broadcast_in_dim %f, dims = [] : (tensor<f32>) -> tensor<3xf32>
    %s = stablehlo.subtract %a, %g : tensor<3xf32>
    %j = stablehlo.add %i, %one : tensor<i32>
    %l = stablehlo.add %k, %one : tensor<i32>
    stablehlo.return %j, %l, %s : tensor<i32>, tensor<i32>, tensor<3xf32>
  }
  %r = stablehlo.negate %1#2 : tensor<3xf32>
  return %r : tensor<3xf32>
}
