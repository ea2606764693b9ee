"""Functions, branches, loops, sorting and regions applied elementwise."""

from __future__ import annotations

import ast

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import regions, syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.idioms import producer
from oxide.backends.jax_source.registry import Emitted, emits
from oxide.backends.jax_source.syntax import call, comparison, literal
from oxide.dialects.attributes import integer, symbol
from oxide.dialects.constants import constant_value


@emits("func.call")
def function_call(e: Emitter, op: ir.OpView) -> Emitted:
    return e.call(symbol(op.operation, "callee"), list(op.operands))


@emits("stablehlo.while")
def while_(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.while_loop(condition, body, state)`; a state of one value is not a tuple."""
    condition, body = (r.blocks[0] for r in op.regions)
    initial = [e.array(v) for v in op.operands]
    names = [_state_name(i, len(initial)) for i in range(len(initial))]
    functions = (
        e.region(condition, "condition", names, unpack="state"),
        e.region(body, "body", names, unpack="state"),
    )
    if len(initial) == 1:
        return call("lax.while_loop", *functions, initial[0])
    return call("lax.while_loop", *functions, syntax.tuple_(initial))


def _state_name(position: int, count: int) -> str:
    return "xyz"[position] if count <= 3 else f"x{position}"


@emits("stablehlo.if")
def if_(e: Emitter, op: ir.OpView) -> Emitted:
    predicate = e.array(op.operands[0])
    branches = [e.region(r.blocks[0], n, []) for r, n in zip(op.regions, ("on_true", "on_false"), strict=True)]
    return call("lax.cond", predicate, *branches)


@emits("stablehlo.case")
def case(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.switch`, which clamps its index; StableHLO runs the last branch for any index out of range."""
    (selector,) = op.operands
    count = len(op.regions)
    index = _in_range(e, selector, count)
    branches = [e.region(r.blocks[0], f"branch{i}", []) for i, r in enumerate(op.regions)]
    return call("lax.switch", index, syntax.list_(branches))


def _in_range(e: Emitter, selector: ir.Value, count: int) -> ast.expr:
    clamp = producer(selector, "stablehlo.clamp")
    if clamp is not None:
        low, _, high = (e.splat(v) if v in _constants(e, clamp) else None for v in clamp.operands)
        if low is not None and high is not None and int(low) >= 0 and int(high) < count:
            return e.array(selector)
    number = e.splat(selector)
    if number is not None and 0 <= int(number) < count:
        return e.array(selector)
    index = e.atom(selector, "branch")
    # Too large is clamped to the last branch already.
    return call("jnp.where", comparison("<", index, literal(0)), literal(count - 1), index)


def _constants(e: Emitter, op: ir.OpView) -> list[ir.Value]:
    return [v for v in op.operands if producer(v, "stablehlo.constant") is not None]


@emits("stablehlo.map")
def map_(e: Emitter, op: ir.OpView) -> Emitted:
    operands = [e.array(v) for v in op.operands]
    parameters = list("abcdefgh")[: len(operands)] if len(operands) <= 8 else [f"a{i}" for i in range(len(operands))]
    function = e.region(op.regions[0].blocks[0], "each", parameters)
    return syntax.call(call("jnp.vectorize", function), *operands)


@emits("stablehlo.sort")
def sort(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.sort` for the orders it has; otherwise by keys that sort the same way, or by the comparator itself."""
    operands = list(op.operands)
    axis = literal(integer(op.operation, "dimension"))
    nodes = [e.array(v) for v in operands]
    keys = _jax_order(op.regions[0]) if len(operands) < 26 else 0
    if keys:
        return _lax_sort(nodes, axis, keys)
    order = regions.comparison(op.regions[0])
    if order is None or order[0] not in ("LT", "GT"):
        return _by_comparator(e, op, nodes, axis)
    direction, position, kind = order
    type_ = e.type(operands[position])
    if type_.is_complex:
        return _by_comparator(e, op, nodes, axis)
    if direction == "LT" and position == 0 and (type_.is_integer or type_.element == "i1" or kind != "TOTALORDER"):
        return _lax_sort(nodes, axis, 1)
    key = e.atom(operands[position], "keys")
    nodes[position] = key
    if type_.is_float:
        key = call(e.helper("total_order" if kind == "TOTALORDER" else "float_order"), key)
    if direction == "GT":
        # Complement reverses the order of integers and keeps equal ones equal.
        key = ast.UnaryOp(ast.Invert(), key)
    ordered = _lax_sort([key, *nodes], axis, 1)
    rest = syntax.index(ordered, ast.Slice(literal(1), None, None))
    return syntax.index(ordered, literal(1)) if len(nodes) == 1 else rest


def _lax_sort(nodes: list[ast.expr], axis: ast.expr, keys: int) -> ast.expr:
    operand = nodes[0] if len(nodes) == 1 else syntax.tuple_(nodes)
    return call("lax.sort", operand, dimension=axis, num_keys=literal(keys) if keys > 1 else None)


def _jax_order(region: ir.Region) -> int:
    """1 for the comparator `lax.sort` itself makes for one float key (zeros are equal, NaN is largest), else 0."""
    work = [op for op in regions.body(region) if op.OPERATION_NAME != "stablehlo.constant"]
    if len(work) != 10:
        return 0
    first, second = region.blocks[0].arguments[0], region.blocks[0].arguments[1]
    left = _canonical(work[0:4], first)
    right = _canonical(work[4:8], second)
    if left is None or right is None:
        return 0
    last, terminator = work[8:]
    direct = last.OPERATION_NAME == "stablehlo.compare" and list(last.operands) == [left, right]
    less = direct and "LT" in str(last.attributes["comparison_direction"])
    total = less and "compare_type" in last.attributes and "TOTALORDER" in str(last.attributes["compare_type"])
    return int(total and list(terminator.operands) == list(last.results))


def _canonical(work: list[ir.OpView], x: ir.Value) -> ir.Value | None:
    """The value with -0 made 0 and every NaN made one NaN, if these four operations compute that of `x`."""
    names = tuple(op.OPERATION_NAME.removeprefix("stablehlo.") for op in work)
    if names != ("compare", "select", "compare", "select"):
        return None
    is_zero, zeroed, is_nan, result = work
    facts = [
        "EQ" in str(is_zero.attributes["comparison_direction"]),
        is_zero.operands[0] == x,
        _float_constant(is_zero.operands[1]) == 0,
        zeroed.operands[0] == is_zero.results[0],
        _float_constant(zeroed.operands[1]) == 0,
        zeroed.operands[2] == x,
        "NE" in str(is_nan.attributes["comparison_direction"]),
        list(is_nan.operands) == [x, x],
        result.operands[0] == is_nan.results[0],
        np.isnan(_float_constant(result.operands[1])),
        result.operands[2] == zeroed.results[0],
    ]
    return result.results[0] if all(facts) else None


def _float_constant(value: ir.Value) -> float:
    array = constant_value(value)
    return float(array) if array is not None and array.size == 1 else 1.0


def _by_comparator(e: Emitter, op: ir.OpView, nodes: list[ast.expr], axis: ast.expr) -> ast.expr:
    """Any comparator: each element's place is the number of elements that come before it."""
    parameters = [f"{side}{i}" for i in range(len(nodes)) for side in "ab"]
    before = e.region(op.regions[0].blocks[0], "before", parameters)
    ordered = syntax.call(e.helper("sort_by"), before, syntax.tuple_(nodes), axis=axis)
    return syntax.index(ordered, literal(0)) if len(nodes) == 1 else ordered


@emits("stablehlo.tuple")
def tuple_(e: Emitter, op: ir.OpView) -> Emitted:
    return syntax.tuple_(e.array(v) for v in op.operands)


@emits("stablehlo.get_tuple_element")
def get_tuple_element(e: Emitter, op: ir.OpView) -> Emitted:
    return syntax.index(e.array(op.operands[0]), literal(integer(op.operation, "index")))


@emits("stablehlo.optimization_barrier")
def optimization_barrier(e: Emitter, op: ir.OpView) -> Emitted:
    nodes = [e.array(v) for v in op.operands]
    return call("lax.optimization_barrier", nodes[0] if len(nodes) == 1 else syntax.tuple_(nodes))
