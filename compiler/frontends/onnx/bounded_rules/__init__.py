"""What operators make of values whose size along one axis depends on data: one rule an operator, by name."""

from oxide.frontends.onnx.bounded_rules import indexing, reductions, rows, shapes
from oxide.frontends.onnx.bounded_rules.call import RULES, apply, has_rule, refuse

__all__ = ["RULES", "apply", "has_rule", "indexing", "reductions", "refuse", "rows", "shapes"]
