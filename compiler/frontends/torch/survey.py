"""A look over the whole graph before anything is lowered: every operator that cannot be, reported at once."""

from __future__ import annotations

import torch
from torch._ops import HigherOrderOperator, OpOverload

from oxide.frontends.torch import registry
from oxide.frontends.torch.decompositions import has_decomposition
from oxide.frontends.torch.diagnostics import Unsupported, unsupported_error
from oxide.frontends.torch.locations import node_name, place_text
from oxide.frontends.torch.schemas import functional_variant, schema_of


def check_supported(graph_module: torch.fx.GraphModule) -> None:
    """Raise one OxideError that lists all operators without a lowering, in subgraphs too."""
    found: dict[tuple[str, str], Unsupported] = {}
    for module in graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                reason = _reason(node) if node.op == "call_function" else ""
                if reason:
                    key = (str(node.target), reason)
                    found.setdefault(key, Unsupported(*key)).nodes.append((node_name(node), place_text(node)))
    if found:
        raise unsupported_error(found.values())


def _reason(node: torch.fx.Node) -> str:
    """Why a node cannot be lowered, empty when it can."""
    target = node.target
    if isinstance(target, HigherOrderOperator):
        return "" if target._name in registry.HIGHER_ORDER else "this higher-order operator has no lowering"
    return _reason_of(target) if isinstance(target, OpOverload) else ""


def _reason_of(op: OpOverload) -> str:
    if str(op) in registry.REGISTRY:
        return ""
    if schema_of(op).mutated:
        functional = functional_variant(op)
        return _reason_of(functional) if functional else "it changes its arguments and has no functional variant"
    return "" if has_decomposition(op) else "it has no lowering and PyTorch defines no decomposition of it"
