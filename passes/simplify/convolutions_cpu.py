"""Convolutions that XLA runs badly on CPUs become what it runs well.

XLA's CPU back end hands a convolution of images to Eigen, which gathers what windows read once for each group, and
runs the groups one after another; those of volumes take several times as long as those of images.  Other forms are
faster (`convolution_forms`), each a private function that convolutions of one kind share.

XLA is told not to inline sums: it would fuse them into everything that reads them, to be computed anew by each, and
not vectorised in a reduction.  Convolutions are inlined, as inside of functions they would not become Eigen's.

The limits are where the forms cross on two cores (`tests/benchmarks/convolutions.py`): a sum of d channels'
products for each of m features pays up to about d m = 96, above which products of matrices reuse more of what they
load; without groups, where Eigen gathers once, up to 36 products an element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.dialects.rewrite import RuleStatistics
from oxide.passes.base import PassLog
from oxide.passes.canonicalize.matching import attributes_of, is_static
from oxide.passes.simplify.convolution_forms import by_groups, by_planes, by_taps
from oxide.passes.simplify.convolutions import Convolution, read_convolution


@dataclass(frozen=True)
class _Form:
    """What a convolution of operands becomes, and whether XLA is to see it where it is called."""

    name: str
    meaning: str
    build: Callable[[Convolution, ir.Value, ir.Value], ir.Value]
    inlined: bool = True


_BY_TAPS = _Form(
    "convolution-by-taps",
    "convolution(x, w) of few channels -> sum over the window's elements of slice(pad(x)) * w, for CPUs",
    by_taps,
    inlined=False,
)
_BY_GROUPS = _Form(
    "convolution-by-groups",
    "convolution(x, w) in groups of more channels -> concatenate of each group's convolution, for CPUs",
    by_groups,
)
_BY_PLANES = _Form(
    "convolution-by-planes",
    "convolution(x, w) of volumes -> convolution of planes, with the window's planes as channels, for CPUs",
    by_planes,
)
_FORMS = (_BY_TAPS, _BY_GROUPS, _BY_PLANES)
CONVOLUTION_RULES = [(form.name, form.meaning) for form in _FORMS]

# Loops over more slices are not vectorised: with 126 products they take ten times as long as with 124.
_TERMS = 121
_TERMS_WITHOUT_GROUPS = 36
_CHANNELS = 96
# A group is four operations; more of them make programs long, and are hardly faster.
_GROUPS = 64


def take_apart(module: ir.Module, log: PassLog) -> None:
    """Rewrite every convolution of the module that pays, wherever it stands."""
    for form in _FORMS:
        log.rules.setdefault(form.name, RuleStatistics())
    found: list[ir.Operation] = []

    def visit(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.convolution":
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    functions: dict[tuple[str, ...], str] = {}
    for op in found:
        if not is_static(op):
            log.remark(op, f"{_BY_TAPS.name}: {op.name} stays, its sizes are open")
            continue
        convolution = read_convolution(op)
        if convolution.terms > 0 and hlo.size(op.results[0]) > 0:
            _take_apart(module, convolution, functions, log)


def _take_apart(
    module: ir.Module, convolution: Convolution, functions: dict[tuple[str, ...], str], log: PassLog
) -> None:
    op, groups = convolution.op, convolution.groups * convolution.batch_groups
    form = _suited(convolution)
    for tried in _FORMS:
        log.rules[tried.name].tries += 1
    figures = (
        f"{convolution.terms} products an element in each of {groups} groups of {convolution.depth} to "
        f"{convolution.multiples} channels"
    )
    if form is None:
        if groups > 1:
            log.remark(op, f"{_BY_GROUPS.name}: {op.name} stays, {figures}")
        return
    log.rules[form.name].hits += 1
    log.remark(op, f"{form.name}: {op.name} is taken apart, {figures}")
    types = [str(value.type) for value in (*op.operands, *op.results)]
    key = (*types, *sorted(f"{name} = {value}" for name, value in attributes_of(op).items()))
    if key not in functions:
        functions[key] = _function(module, convolution, form)
    attributes: dict[str, ir.Attribute] = {"callee": ir.FlatSymbolRefAttr.get(functions[key])}
    if not form.inlined:
        attributes["mhlo.frontend_attributes"] = ir.DictAttr.get({"inlineable": ir.StringAttr.get("false")})
    with op.location, ir.InsertionPoint(op):
        call = hlo.create("func.call", list(op.operands), [op.results[0].type], attributes)
    op.results[0].replace_all_uses_with(call.results[0])
    op.erase()


def _suited(convolution: Convolution) -> _Form | None:
    """The form that is faster than the convolution as it is."""
    limit = _TERMS if convolution.groups > 1 else _TERMS_WITHOUT_GROUPS
    if convolution.batch_groups > 1:
        return None
    if convolution.terms <= limit and convolution.depth * convolution.multiples <= _CHANNELS:
        return _BY_TAPS
    if convolution.groups > 1:
        return _BY_GROUPS if convolution.groups <= _GROUPS else None
    return _BY_PLANES if len(convolution.window) > 2 else None


def _function(module: ir.Module, convolution: Convolution, form: _Form) -> str:
    types = [value.type for value in convolution.op.operands]
    with ir.Location.name(form.name.removeprefix("convolution-by-")):
        name = form.name.replace("-", "_")
        return hlo.function(module, name, types, lambda x, kernel: [form.build(convolution, x, kernel)])
