// Composites of Oxide's are checked against their schema where they enter.
// RUN: oxide-opt %s --split-input-file --verify-diagnostics

func.func @unknown(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error@+1 {{unknown composite oxide.no_such_thing}}
  %0 = stablehlo.composite "oxide.no_such_thing" %x {decomposition = @impl} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @impl(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// -----

func.func @attribute(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error@+1 {{oxide.softmax takes attributes ['axis'], not []}}
  %0 = stablehlo.composite "oxide.softmax" %x {decomposition = @impl} : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
func.func private @impl(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// -----

func.func @type(%x: !stablehlo.token) -> !stablehlo.token {
  // expected-error@+1 {{oxide.softmax takes ranked tensors, not !stablehlo.token}}
  %0 = stablehlo.composite "oxide.softmax" %x {composite_attributes = {axis = 0 : i64}, decomposition = @impl}
    : (!stablehlo.token) -> !stablehlo.token
  return %0 : !stablehlo.token
}
func.func private @impl(%x: !stablehlo.token) -> !stablehlo.token {
  return %x : !stablehlo.token
}
