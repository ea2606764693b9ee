"""Modules before and after the raise pass: what it finds, and that the interpreter's values stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxlib.mlir import ir
from reference_interpreter import evaluate

from oxide.dialects import composites, hlo
from oxide.dialects.context import make_context, parse_module
from oxide.passes.base import PassLog
from oxide.passes.manager import PassManager, clone_module
from oxide.passes.pipeline import parse_pipeline
from oxide.passes.raise_ import Raise

FLAT = "decompose-composites,inline,canonicalize,cse,dce,symbol-dce"
LOWERED = "decompose-composites,inline,chlo-legalize-to-stablehlo"


def run(pipeline: str, module: ir.Module) -> ir.Module:
    PassManager(parse_pipeline(pipeline)).run(module)
    return module


def raised(module: ir.Module, options: Raise | None = None) -> PassLog:
    log = PassLog()
    (options or Raise()).run(module, log)
    assert module.operation.verify()
    return log


def composites_of(module: ir.Module) -> list[ir.Operation]:
    """The composites of @main."""
    block = module.body.operations[0].regions[0].blocks[0]
    return [op.operation for op in block.operations if op.operation.name == "stablehlo.composite"]


def names_of(module: ir.Module) -> list[str]:
    return [ir.StringAttr(op.attributes["name"]).value.removeprefix("oxide.") for op in composites_of(module)]


def check(module: ir.Module, names: Sequence[str], rtol: float = 2e-5) -> ir.Module:
    """Raise a flat module: exactly these composites, and the values of the interpreter stay."""
    run(FLAT, module)
    before = clone_module(module)
    log = raised(module)
    run("dce", module)
    assert names_of(module) == list(names), [remark.message for remark in log.remarks]
    for old, new in zip(evaluated(before), evaluated(module), strict=True):
        assert old.dtype == new.dtype
        np.testing.assert_allclose(new.astype(np.float64), old.astype(np.float64), rtol=rtol, atol=rtol)
    return module


def evaluated(module: ir.Module, low: float = 0.1) -> list[np.ndarray]:
    """What the interpreter gives for a module of composites and numbers between `low` and 2 for its arguments."""
    return evaluate(run(LOWERED, clone_module(module)), arguments_of(module, low))


def arguments_of(module: ir.Module, low: float = 0.1) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    made = []
    for argument in module.body.operations[0].regions[0].blocks[0].arguments:
        shape, dtype = hlo.shape(argument), hlo.dtype(argument)
        values = rng.random(shape) < 0.7 if dtype == np.bool_ else rng.uniform(low, 2, shape)
        made.append(np.asarray(values).astype(dtype))
    return made


def module_of(name: str, types: Sequence[tuple[tuple[int, ...], str]], attributes: dict) -> ir.Module:
    """A module whose @main is one composite."""
    with make_context(), ir.Location.unknown():
        module = ir.Module.create()
        tensors = [hlo.make_type(shape, dtype) for shape, dtype in types]
        with composites.library(module):
            hlo.function(module, "main", tensors, lambda *x: composites.build(name, list(x), **attributes))
        module.body.operations[0].operation.attributes["sym_visibility"] = ir.StringAttr.get("public")
    return module


def of_jax(function: Callable, *arguments: np.ndarray) -> ir.Module:
    return parse_module(jax.jit(function).lower(*arguments).as_text())
