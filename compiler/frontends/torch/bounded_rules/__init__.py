"""What operators make of tensors whose sizes depend on data: one rule an operator, by name."""

from oxide.frontends.torch.bounded_rules import indexing, products, reductions, rows, shapes
from oxide.frontends.torch.bounded_rules.call import (
    RULES,
    Call,
    Rule,
    check_region,
    is_open,
    make_call,
    refusal,
    rule_of,
)

__all__ = [
    "RULES",
    "Call",
    "Rule",
    "check_region",
    "indexing",
    "is_open",
    "make_call",
    "products",
    "reductions",
    "refusal",
    "rows",
    "rule_of",
    "shapes",
]
