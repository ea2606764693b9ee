"""Passes and engines that are wrong on purpose, for the tests of tools that find such."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from oxide.dialects.rewrite import Pattern, PatternSet, Rewriter
from oxide.model import Model
from oxide.passes.base import Pass, PassLog


def _minimum_of_product(op: ir.Operation, rewriter: Rewriter) -> bool:
    left, right = op.operands
    if isinstance(left.owner, ir.Block) or left.owner.operation.name != "stablehlo.multiply":
        return False
    rewriter.replace(op, stablehlo.maximum(left, right))
    return True


def _double_negation(op: ir.Operation, rewriter: Rewriter) -> bool:
    inner = op.operands[0].owner
    if isinstance(inner, ir.Block) or inner.operation.name != "stablehlo.negate":
        return False
    rewriter.replace(op, inner.operation.operands[0])
    return True


def _sine(op: ir.Operation, rewriter: Rewriter) -> bool:
    raise KeyError("no such thing")


MINIMUM_OF_PRODUCT = Pattern("minimum-of-product", ("stablehlo.minimum",), _minimum_of_product)
DOUBLE_NEGATION = Pattern("double-negation", ("stablehlo.negate",), _double_negation)
SINE = Pattern("sine", ("stablehlo.sine",), _sine)


@dataclass(frozen=True)
class Wrong(Pass):
    """One right rule and one that takes a minimum of a product for a maximum."""

    name = "test-wrong"
    rules_of_the_pass = (DOUBLE_NEGATION, MINIMUM_OF_PRODUCT)

    def run(self, module: ir.Module, log: PassLog) -> None:
        engine = PatternSet(self.rules_of_the_pass, module.context, log.remark_at)
        engine.apply_greedily(module.operation)
        log.rules.update(engine.statistics)


@dataclass(frozen=True)
class Failing(Wrong):
    """One right rule and one that raises."""

    name = "test-failing"
    rules_of_the_pass = (DOUBLE_NEGATION, SINE)


@dataclass(frozen=True)
class Spoil(Pass):
    """Leave IR that does not verify, without any rule."""

    name = "test-spoil"

    def run(self, module: ir.Module, log: PassLog) -> None:
        del module.body.operations[0].operation.attributes["function_type"]


@dataclass(frozen=True)
class Crashing(Pass):
    """Ends its process."""

    name = "test-crashing"

    def run(self, module: ir.Module, log: PassLog) -> None:
        _crash()


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_on_maximum(model: Model, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An engine that a maximum ends."""
    if "stablehlo.maximum" in str(model.module):
        os.abort()
    return {}
