"""The strategies in the order a search goes through them: what removes most comes first."""

from __future__ import annotations

from oxide.reduction import attributes, control, dataflow, shapes, signatures
from oxide.reduction.edits import Strategy

STRATEGIES: tuple[Strategy, ...] = (
    Strategy("erase functions", signatures.erase_functions),
    Strategy("drop results", signatures.drop_results),
    Strategy("erase unused operations", dataflow.erase_unused),
    Strategy("replace by the first operand", dataflow.replace_by_operand(0)),
    Strategy("replace by the second operand", dataflow.replace_by_operand(1)),
    Strategy("replace by the third operand", dataflow.replace_by_operand(2)),
    Strategy("replace by an argument", dataflow.replace_by_argument),
    Strategy("replace by zeros", dataflow.replace_by_zeros),
    Strategy("return the first operand", signatures.return_operand(0)),
    Strategy("return the second operand", signatures.return_operand(1)),
    Strategy("take the first branch", control.take_branch(0)),
    Strategy("take the second branch", control.take_branch(1)),
    Strategy("run loops once", control.run_loops_once),
    Strategy("drop loop values", control.drop_loop_values),
    Strategy("replace arguments by zeros", dataflow.arguments_by_zeros),
    Strategy("drop arguments", signatures.drop_arguments),
    Strategy("make sizes one", shapes.sizes_to_one),
    Strategy("halve sizes", shapes.halve_sizes),
    Strategy("drop attributes", attributes.drop_attributes),
    Strategy("make constants splats", dataflow.constants_to_splats),
    Strategy("make constants zeros", dataflow.constants_to_zeros),
    Strategy("inline calls", signatures.inline_calls),
)
