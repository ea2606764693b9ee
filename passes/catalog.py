"""Every pass Oxide has.  Importing this module fills the registry; a new pass adds its module here."""

from oxide.passes import (  # noqa: F401 - a pass registers itself when it is imported
    assign_buffers,
    canonicalize,
    cost_analysis,
    cse,
    dce,
    decompose_composites,
    fold_batch_norm,
    fuse,
    hoist_params,
    inline,
    inline_prepare,
    outline,
    print_op_stats,
    raise_,
    roll,
    simplify,
)
from oxide.passes.base import REGISTRY

__all__ = ["REGISTRY"]
