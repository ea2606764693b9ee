"""Higher-order operators that wrap a subgraph without changing what it computes."""

from __future__ import annotations

from typing import Any

import torch

from oxide.frontends.torch.registry import Node, higher_order


@higher_order("wrap_with_set_grad_enabled")
def wrap_with_set_grad_enabled(node: Node, enabled: bool, graph: torch.fx.GraphModule, *operands: Any) -> Any:
    """Whether gradients are recorded is not a matter of values."""
    return node.inline(graph, operands)


@higher_order("wrap_with_autocast")
def wrap_with_autocast(
    node: Node,
    device_type: str,
    dtype: torch.dtype | None,
    enabled: bool,
    cache_enabled: bool | None,
    graph: torch.fx.GraphModule,
    *operands: Any,
) -> Any:
    """Refused where it would change dtypes: the subgraph does not have the casts that autocast makes."""
    if enabled:
        raise node.error("autocast is on inside this region; export with the casts written out (.to(dtype))")
    return node.inline(graph, operands)


@higher_order("tag_activation_checkpoint")
def tag_activation_checkpoint(node: Node, graph: torch.fx.GraphModule, *operands: Any, **options: Any) -> Any:
    """What is computed twice in training is computed once here."""
    return node.inline(graph, operands)
