"""No pass drops, adds, merges or reorders what has effects, or loses what is said about a program in attributes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jaxlib.mlir import ir
from pass_variants import VARIANTS
from soundness import after

from oxide.dialects.attributes import symbol
from oxide.dialects.context import parse_module
from oxide.dialects.effects import CALLEE_ATTRIBUTE

TOKEN = "!stablehlo.token"
X = "tensor<2x3xf32>"
SUM = """({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
  %s = stablehlo.add %a, %b : tensor<f32>
  stablehlo.return %s : tensor<f32>
})"""
GROUPS = "replica_groups = dense<0> : tensor<1x1xi64>"

# Operations with effects: %x, a token %t and what rng takes are there, and a tag is put in the place of @.
OPERATIONS = {
    "custom_call": f'"stablehlo.custom_call"(%x) {{@, call_target_name = "f", has_side_effect = true}} '
    f": ({X}) -> {X}",
    "custom_call without results": '"stablehlo.custom_call"() {@, call_target_name = "g", has_side_effect = true}'
    " : () -> ()",
    "infeed": f'"stablehlo.infeed"(%t) {{@, infeed_config = "c"}} : ({TOKEN}) -> ({X}, {TOKEN})',
    "outfeed": f'"stablehlo.outfeed"(%x, %t) {{@, outfeed_config = "c"}} : ({X}, {TOKEN}) -> {TOKEN}',
    "send": f'"stablehlo.send"(%x, %t) {{@, channel_handle = #stablehlo.channel_handle<handle = 1, type = 2>, '
    f"is_host_transfer = true}} : ({X}, {TOKEN}) -> {TOKEN}",
    "recv": f'"stablehlo.recv"(%t) {{@, channel_handle = #stablehlo.channel_handle<handle = 2, type = 3>, '
    f"is_host_transfer = true}} : ({TOKEN}) -> ({X}, {TOKEN})",
    "rng": '"stablehlo.rng"(%low, %high, %sizes) {@, rng_distribution = #stablehlo<rng_distribution UNIFORM>} '
    ": (tensor<f32>, tensor<f32>, tensor<2xi64>) -> tensor<2x3xf32>",
    "all_reduce": f'"stablehlo.all_reduce"(%x) {SUM} {{@, {GROUPS}}} : ({X}) -> {X}',
    "all_gather": f'"stablehlo.all_gather"(%x) {{@, all_gather_dim = 0 : i64, {GROUPS}}} : ({X}) -> {X}',
    "all_to_all": f'"stablehlo.all_to_all"(%x) {{@, split_dimension = 0 : i64, concat_dimension = 0 : i64, '
    f"split_count = 1 : i64, {GROUPS}}} : ({X}) -> {X}",
    "reduce_scatter": f'"stablehlo.reduce_scatter"(%x) {SUM} {{@, scatter_dimension = 0 : i64, {GROUPS}}} '
    f": ({X}) -> {X}",
    "collective_permute": f'"stablehlo.collective_permute"(%x) {{@, source_target_pairs = dense<0> : '
    f"tensor<1x2xi64>}} : ({X}) -> {X}",
    "collective_broadcast": f'"stablehlo.collective_broadcast"(%x) {{@, {GROUPS}}} : ({X}) -> {X}',
    "unknown operation": f'"foo.bar"(%x) {{@}} : ({X}) -> {X}',
}


def _twice(name: str) -> str:
    """The same operation two times, its results unused, in a function, a loop, a branch and a composite."""
    numbers = iter(range(1000))

    def pair() -> str:
        return "\n".join(
            f"{_results(OPERATIONS[name], n)}{OPERATIONS[name].replace('@', f'tag = {n} : i64')}"
            for n in (next(numbers), next(numbers))
        )

    return f"""
    func.func @main(%x: {X}, %k: tensor<i32>) -> {X} {{
      {_HEAD}
      {pair()}
      func.call @f(%x, %k) : ({X}, tensor<i32>) -> ()
      func.call @f(%x, %k) : ({X}, tensor<i32>) -> ()
      %c = stablehlo.composite "test.effects" %x, %k {{decomposition = @g}} : ({X}, tensor<i32>) -> {X}
      return %x : {X}
    }}
    func.func private @f(%x: {X}, %k: tensor<i32>) {{
      {_HEAD}
      {pair()}
      %zero = stablehlo.constant dense<0> : tensor<i32>
      %one = stablehlo.constant dense<1> : tensor<i32>
      %n = stablehlo.while(%i = %zero) : tensor<i32> cond {{
        %p = stablehlo.compare LT, %i, %k : (tensor<i32>, tensor<i32>) -> tensor<i1>
        stablehlo.return %p : tensor<i1>
      }} do {{
        {pair()}
        %j = stablehlo.add %i, %one : tensor<i32>
        stablehlo.return %j : tensor<i32>
      }}
      return
    }}
    func.func private @g(%x: {X}, %k: tensor<i32>) -> {X} {{
      {_HEAD}
      %r = "stablehlo.case"(%k) ({{
        {pair()}
        stablehlo.return %x : {X}
      }}, {{
        {pair()}
        stablehlo.return %x : {X}
      }}) : (tensor<i32>) -> {X}
      return %r : {X}
    }}"""


_HEAD = """%t = stablehlo.create_token : !stablehlo.token
      %low = stablehlo.constant dense<0.0> : tensor<f32>
      %high = stablehlo.constant dense<1.0> : tensor<f32>
      %sizes = stablehlo.constant dense<[2, 3]> : tensor<2xi64>"""


def _results(text: str, number: int) -> str:
    given = text.rpartition("-> ")[2]
    return "" if given == "()" else f"%r{number}{':2' if given.startswith('(') else ''} = "


def effects_of(module: ir.Module) -> list[str]:
    """The tags of operations in the order they run, with the loops and branches around them; calls are followed."""
    functions = {str(ir.StringAttr(op.attributes["sym_name"]).value): op.operation for op in module.body.operations}

    def of_operation(op: ir.Operation) -> Iterator[str]:
        if "tag" in op.attributes:
            yield f"{op.name} {ir.IntegerAttr(op.attributes['tag']).value}"
        if op.name in CALLEE_ATTRIBUTE:
            yield from of_regions(functions[symbol(op, CALLEE_ATTRIBUTE[op.name])])
        elif op.regions and (inside := list(of_regions(op))):
            yield from (f"{op.name} {{", *inside, "}")

    def of_regions(op: ir.Operation) -> Iterator[str]:
        for region in op.regions:
            for block in region.blocks:
                for inner in block.operations:
                    yield from of_operation(inner.operation)

    return list(of_regions(functions["main"]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_effects_stay_as_they_are(name):
    module = parse_module(_twice(name))
    expected = effects_of(module)
    assert len(expected) == 2 + 2 * (2 + 4) + 6, expected
    for pipeline in VARIANTS:
        changed = after(module, pipeline)
        assert changed is None or effects_of(changed) == expected, f"{pipeline}:\n{changed}"


# What may go where nobody uses it.
USED = f"""func.func @main(%x: {X}) -> ({X}, {X}, {X}, tensor<3x2xf32>, {X}) {{
  %0 = "stablehlo.custom_call"(%x) {{tag = 0 : i64, call_target_name = "f"}} : ({X}) -> {X}
  %1 = "stablehlo.cross-replica-sum"(%x) {{tag = 1 : i64, {GROUPS}}} : ({X}) -> {X}
  %2 = "stablehlo.async_start"(%x) ({{
    ^bb0(%a: {X}):
    %g = "stablehlo.all_gather"(%a) {{tag = 3 : i64, all_gather_dim = 0 : i64, {GROUPS}}} : ({X}) -> {X}
    stablehlo.return %g : {X}
  }}) {{tag = 2 : i64}} : ({X}) -> !stablehlo.future<{X}>
  %3 = "stablehlo.async_done"(%2) {{tag = 4 : i64}} : (!stablehlo.future<{X}>) -> {X}
  %4 = "stablehlo.unary_einsum"(%x) {{tag = 5 : i64, einsum_config = "ab->ba"}} : ({X}) -> tensor<3x2xf32>
  %t = stablehlo.after_all {{tag = 6 : i64}} : !stablehlo.token
  %5:2 = "stablehlo.infeed"(%t) {{tag = 7 : i64, infeed_config = ""}} : ({TOKEN}) -> ({X}, {TOKEN})
  return %0, %1, %3, %4, %5#0 : {X}, {X}, {X}, tensor<3x2xf32>, {X}
}}"""


@pytest.mark.parametrize("pipeline", VARIANTS)
def test_what_is_used_stays(pipeline):
    module = parse_module(USED)
    changed = after(module, pipeline)
    assert changed is None or effects_of(changed) == effects_of(module), f"{pipeline}:\n{changed}"


LABELLED = """module @jit_f attributes {mhlo.num_partitions = 1 : i32, jax.uses_shape_polymorphism = false} {
  func.func public @main(
      %x: tensor<4xf32> {mhlo.sharding = "{replicated}", jax.buffer_donor = true, oxide.name = "input"},
      %y: tensor<4xf32> {tf.aliasing_output = 0 : i32, mhlo.memory_kind = "device"})
      -> (tensor<4xf32> {jax.result_info = "result", mhlo.sharding = "{replicated}", oxide.name = "output"}) {
    %0 = stablehlo.sine %x {mhlo.frontend_attributes = {stream = "1"}} : tensor<4xf32> loc("a")
    %1 = stablehlo.sine %x {mhlo.sharding = "{devices=[1]0}"} : tensor<4xf32> loc("b")
    %2 = stablehlo.add %0, %1 : tensor<4xf32>
    %3 = stablehlo.add %2, %y : tensor<4xf32>
    return %3 : tensor<4xf32>
  }
}"""


@pytest.mark.parametrize("pipeline", VARIANTS)
def test_attributes_and_locations_stay(pipeline):
    """Those of the module, of @main's arguments and results, and of operations that are not rewritten."""
    module = parse_module(LABELLED)
    changed = after(module, pipeline)
    if changed is None:
        return
    for name in module.operation.attributes:
        assert changed.operation.attributes[name] == module.operation.attributes[name], name
    given, main = (function_named("main", one) for one in (module, changed))
    for side in ("arg_attrs", "res_attrs"):
        pairs = zip(ir.ArrayAttr(main.attributes[side]), ir.ArrayAttr(given.attributes[side]), strict=True)
        for ours, wanted in ((ir.DictAttr(ours), ir.DictAttr(wanted)) for ours, wanted in pairs):
            assert all(ours[item.name] == item.attr for item in wanted), f"{side}: {ours}, not {wanted}"
    text = changed.operation.get_asm(enable_debug_info=True)
    for expected in ('{stream = "1"}', '"{devices=[1]0}"', 'loc("a")', 'loc("b")'):
        assert expected in text, f"{expected}:\n{text}"


def function_named(name: str, module: ir.Module) -> ir.Operation:
    return ir.SymbolTable(module.operation)[name].operation
