"""Every pass Oxide has.  Importing this module fills the registry; a new pass adds its module here."""

from oxide.passes import (  # noqa: F401 - a pass registers itself when it is imported
    assign_buffers,
    canonicalize,
    control_flow_sink,
    cost_analysis,
    cse,
    dce,
    decompose_composites,
    fold_batch_norm,
    fuse,
    hoist_params,
    inline,
    inline_prepare,
    loop_invariant_code_motion,
    outline,
    print_op_stats,
    raise_,
    roll,
    sccp,
    simplify,
)
from oxide.passes.base import REGISTRY

__all__ = ["REGISTRY"]
