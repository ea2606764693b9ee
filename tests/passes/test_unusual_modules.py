"""Modules with features most programs lack: every pass takes them or refuses them, and none breaks them."""

import pytest

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.base import Pass, PassLog
from oxide.passes.canonicalize import Canonicalize
from oxide.passes.cse import CommonSubexpressions
from oxide.passes.dce import DeadCode
from oxide.passes.decompose_composites import DecomposeComposites
from oxide.passes.fuse import Fuse
from oxide.passes.inline import Inline

MODULES = {
    "resource constant": """func.func @main(%x: tensor<2xi32>) -> tensor<2xi32> {
      %c = stablehlo.constant dense_resource<blob> : tensor<2xi32>
      %0 = stablehlo.add %c, %x : tensor<2xi32>
      %1 = stablehlo.reshape %c : (tensor<2xi32>) -> tensor<1x2xi32>
      %2 = stablehlo.reshape %1 : (tensor<1x2xi32>) -> tensor<2xi32>
      %3 = stablehlo.add %0, %2 : tensor<2xi32>
      return %3 : tensor<2xi32>
    }
    {-# dialect_resources: { builtin: { blob: "0x040000000100000002000000" } } #-}""",
    "tokens": """func.func @main(%x: tensor<2xi32>) -> tensor<2xi32> {
      %t = stablehlo.create_token : !stablehlo.token
      %r:2 = "stablehlo.infeed"(%t) {infeed_config = ""} : (!stablehlo.token) -> (tensor<2xi32>, !stablehlo.token)
      %a = stablehlo.after_all %r#1, %t : !stablehlo.token
      %o = "stablehlo.outfeed"(%r#0, %a) {outfeed_config = ""} : (tensor<2xi32>, !stablehlo.token)
        -> !stablehlo.token
      return %r#0 : tensor<2xi32>
    }""",
    "dynamic shapes": """func.func @main(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %c = stablehlo.constant dense<0> : tensor<i32>
      %0 = stablehlo.concatenate %x, %y, dim = 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %1 = stablehlo.transpose %0, dims = [1, 0] : (tensor<?x4xf32>) -> tensor<4x?xf32>
      %2 = stablehlo.transpose %1, dims = [1, 0] : (tensor<4x?xf32>) -> tensor<?x4xf32>
      %3 = stablehlo.slice %2 [0:1, 0:2] : (tensor<?x4xf32>) -> tensor<1x2xf32>
      %4 = stablehlo.slice %2 [0:1, 2:4] : (tensor<?x4xf32>) -> tensor<1x2xf32>
      %5 = stablehlo.concatenate %3, %4, dim = 1 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
      %6 = stablehlo.concatenate %5, %x, dim = 0 : (tensor<1x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      %7 = stablehlo.reverse %6, dims = [1] : tensor<?x4xf32>
      %8 = stablehlo.reverse %7, dims = [1] : tensor<?x4xf32>
      %9 = stablehlo.dynamic_slice %8, %c, %c, sizes = [1, 4]
        : (tensor<?x4xf32>, tensor<i32>, tensor<i32>) -> tensor<1x4xf32>
      %10 = stablehlo.concatenate %9, %8, dim = 0 : (tensor<1x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      return %10 : tensor<?x4xf32>
    }""",
    "small and complex types": """func.func @main(
        %x: tensor<2xi4>, %f: tensor<2xf8E5M2>, %z: tensor<2xcomplex<f32>>
      ) -> (tensor<2xi4>, tensor<2xf8E5M2>, tensor<2xcomplex<f32>>, tensor<2xf32>) {
      %c = stablehlo.constant dense<0> : tensor<2xi4>
      %0 = stablehlo.add %c, %x : tensor<2xi4>
      %1 = stablehlo.multiply %0, %c : tensor<2xi4>
      %cf = stablehlo.constant dense<1.0> : tensor<2xf8E5M2>
      %2 = stablehlo.multiply %f, %cf : tensor<2xf8E5M2>
      %cz = stablehlo.constant dense<(1.0, 0.0)> : tensor<2xcomplex<f32>>
      %3 = stablehlo.multiply %z, %cz : tensor<2xcomplex<f32>>
      %4 = stablehlo.add %cz, %cz : tensor<2xcomplex<f32>>
      %5 = stablehlo.add %4, %3 : tensor<2xcomplex<f32>>
      %6 = stablehlo.convert %cf : (tensor<2xf8E5M2>) -> tensor<2xf32>
      return %1, %2, %5, %6 : tensor<2xi4>, tensor<2xf8E5M2>, tensor<2xcomplex<f32>>, tensor<2xf32>
    }""",
    "zero elements": """func.func @main(%x: tensor<0x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = stablehlo.negate %x : tensor<0x3xf32>
      %1 = stablehlo.abs %0 : tensor<0x3xf32>
      %2 = stablehlo.concatenate %1, %y, dim = 0 : (tensor<0x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
      %c = stablehlo.constant dense<> : tensor<0x3xf32>
      %3 = stablehlo.add %1, %c : tensor<0x3xf32>
      %4 = stablehlo.concatenate %2, %3, dim = 0 : (tensor<2x3xf32>, tensor<0x3xf32>) -> tensor<2x3xf32>
      return %4 : tensor<2x3xf32>
    }""",
    "nested modules": """module @outer { module @inner {
      func.func @main(%x: tensor<2xi32>) -> tensor<2xi32> {
        %0 = stablehlo.add %x, %x : tensor<2xi32>
        return %0 : tensor<2xi32>
      } } }""",
    "declared function": """func.func private @f(tensor<2xi32>) -> tensor<2xi32>
    func.func @main(%x: tensor<2xi32>) -> tensor<2xi32> {
      %0 = func.call @f(%x) : (tensor<2xi32>) -> tensor<2xi32>
      return %0 : tensor<2xi32>
    }""",
    "unknown operations": """func.func @main(%x: tensor<2xi32>) -> tensor<2xi32> {
      %0 = "foo.bar"(%x) : (tensor<2xi32>) -> tensor<2xi32>
      %1 = "foo.baz"(%x) ({
        %2 = stablehlo.negate %x : tensor<2xi32>
        "foo.yield"(%2) : (tensor<2xi32>) -> ()
      }) : (tensor<2xi32>) -> tensor<2xi32>
      return %1 : tensor<2xi32>
    }""",
    "empty": "",
}
REFUSED_BY_ASSIGN_BUFFERS = {"dynamic shapes", "nested modules", "empty", "declared function"}
SIMPLE: list[Pass] = [
    Canonicalize(),
    CommonSubexpressions(),
    DeadCode(),
    Inline(),
    DecomposeComposites(),
    Fuse(),
]


@pytest.mark.parametrize("name", MODULES)
def test_passes_take_the_module(name: str) -> None:
    module = parse_module(MODULES[name])
    for one in [*SIMPLE, *SIMPLE]:
        one.run(module, PassLog())
        assert module.operation.verify()
    if name == "unknown operations":
        assert "foo.bar" in str(module)


@pytest.mark.parametrize("name", MODULES)
def test_assign_buffers_takes_or_refuses_the_module(name: str) -> None:
    module = parse_module(MODULES[name])
    if name in REFUSED_BY_ASSIGN_BUFFERS:
        with pytest.raises(OxideError):
            AssignBuffers().run(module, PassLog())
    else:
        AssignBuffers().run(module, PassLog())
        assert "oxide.arena_size" in str(module)
