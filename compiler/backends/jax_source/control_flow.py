"""Functions, branches, loops, sorting and regions applied elementwise."""

from __future__ import annotations

import ast

import numpy as np
from jaxlib.mlir import ir

from oxide.backends.jax_source import regions, syntax
from oxide.backends.jax_source.emitter import Emitter
from oxide.backends.jax_source.idioms import producer
from oxide.backends.jax_source.loops import state_name
from oxide.backends.jax_source.registry import Emitted, emits
from oxide.backends.jax_source.syntax import call, comparison, literal
from oxide.dialects.attributes import integer, keyword, symbol
from oxide.dialects.constants import constant_value


@emits("func.call")
def function_call(e: Emitter, op: ir.OpView) -> Emitted:
    return e.call(symbol(op.operation, "callee"), list(op.operands))


@emits("stablehlo.while")
def while_(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.while_loop(condition, body, state)`; a state of one value is no tuple.  `loops` writes what counts."""
    condition, body = (r.blocks[0] for r in op.regions)
    initial = [e.array(v) for v in op.operands]
    names = [state_name(i, len(initial)) for i in range(len(initial))]
    if len(initial) == 1:
        functions = (e.region(condition, "condition", names), e.region(body, "body", names))
        return call("lax.while_loop", *functions, initial[0])
    places = [(0, i) for i in range(len(initial))]
    functions = (
        e.region(condition, "condition", ["state"], places=places),
        e.region(body, "body", names, unpack="state"),
    )
    return call("lax.while_loop", *functions, syntax.tuple_(initial))


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
    number = e.splat(selector)
    if number is not None and 0 <= int(number) < count:
        return e.array(selector)
    index = e.atom(selector, "branch")
    # Too large is clamped to the last branch already.
    return call("jnp.where", comparison("<", index, literal(0)), literal(count - 1), index)


@emits("stablehlo.map")
def map_(e: Emitter, op: ir.OpView) -> Emitted:
    operands = [e.array(v) for v in op.operands]
    parameters = (
        list("abcdefgh")[: len(operands)] if len(operands) <= 8 else [f"a{i}" for i in range(len(operands))]
    )
    function = e.region(op.regions[0].blocks[0], "each", parameters)
    return syntax.call(call("jnp.vectorize", function), *operands)


@emits("stablehlo.sort")
def sort(e: Emitter, op: ir.OpView) -> Emitted:
    """`lax.sort` for the orders it has; otherwise by keys that sort the same way, or by the comparator itself."""
    operands = list(op.operands)
    axis = literal(integer(op.operation, "dimension"))
    nodes = [e.array(v) for v in operands]
    keys = _jax_order(op.regions[0])
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
    """How many keys the comparator `lax.sort` itself makes would compare; 0 for any other comparator.

    Integers compare as they are, floats with zeros equal and NaN largest, later keys where earlier ones are equal.
    """
    terminator = regions.body(region)[-1]
    return _keys(terminator.operands[0], list(region.blocks[0].arguments), 0)


def _keys(decision: ir.Value, arguments: list[ir.Value], position: int) -> int:
    """The number of keys from `position` on that a bool of the comparator compares; 0 if it is anything else."""
    if 2 * position + 1 >= len(arguments):
        return 0
    pair = arguments[2 * position : 2 * position + 2]
    if _compares(decision, "LT", pair):
        return 1
    either = producer(decision, "stablehlo.or")
    both = producer(either.operands[1], "stablehlo.and") if either is not None else None
    if either is None or both is None:
        return 0
    if not (_compares(either.operands[0], "LT", pair) and _compares(both.operands[0], "EQ", pair)):
        return 0
    rest = _keys(both.operands[1], arguments, position + 1)
    return rest + 1 if rest else 0


def _compares(decision: ir.Value, direction: str, pair: list[ir.Value]) -> bool:
    compare = producer(decision, "stablehlo.compare")
    if compare is None or keyword(compare.operation, "comparison_direction") != direction:
        return False
    kind = keyword(compare.operation, "compare_type") if "compare_type" in compare.attributes else ""
    operands = list(compare.operands)
    element = str(ir.RankedTensorType(pair[0].type).element_type)
    if element[0] in "fb":
        return kind == "TOTALORDER" and [_canonical(v) for v in operands] == pair
    return not element.startswith("complex") and operands == pair


def _canonical(value: ir.Value) -> ir.Value | None:
    """`x` for a value that is x with -0 made 0 and every NaN made one NaN, None for any other."""
    outer = producer(value, "stablehlo.select")
    inner = producer(outer.operands[2], "stablehlo.select") if outer is not None else None
    if outer is None or inner is None:
        return None
    is_nan = producer(outer.operands[0], "stablehlo.compare")
    is_zero = producer(inner.operands[0], "stablehlo.compare")
    if is_nan is None or is_zero is None:
        return None
    x = inner.operands[2]
    facts = (
        keyword(is_nan.operation, "comparison_direction") == "NE",
        list(is_nan.operands) == [x, x],
        np.isnan(_float_constant(outer.operands[1])),
        keyword(is_zero.operation, "comparison_direction") == "EQ",
        is_zero.operands[0] == x,
        _float_constant(is_zero.operands[1]) == 0,
        _float_constant(inner.operands[1]) == 0,
    )
    return x if all(facts) else None


def _float_constant(value: ir.Value) -> float:
    """The value of a scalar constant; 1, which no caller looks for, when it is none."""
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
