"""Every pass Oxide has.  Importing this module fills the registry; a new pass adds its module here."""

from oxide.passes import (
    assign_buffers,
    canonicalize,
    cse,
    dce,
    decompose_composites,
    fuse,
    inline,
    print_op_stats,
    raise_,
)
from oxide.passes.base import REGISTRY

__all__ = ["MODULES", "REGISTRY"]

MODULES = (assign_buffers, canonicalize, cse, dce, decompose_composites, fuse, inline, print_op_stats, raise_)
