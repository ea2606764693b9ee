"""Lowerings, one file a family of operators; importing this package registers them all.

How to add an operator
----------------------
1. Find the file its kin live in (or make one and import it below).  Look at its schema:
   `torch.ops.aten.celu.default._schema`.
2. Elementwise and no arguments besides tensors and numbers: a row in a table.  `elementwise(name, function, kind,
   operands)` brings operands to their common dtype, calls the function and casts the result; `Kind` is PyTorch's
   promotion kind, and `wide(...)` computes a formula of several steps in float32 for half-precision tensors.
3. Otherwise a function of the node and the schema's arguments by name:

       @lowering("aten.celu.default")
       def celu(node, self, alpha=1.0):
           low = hlo.multiply(hlo.expm1(hlo.divide(self, alpha)), alpha)
           return hlo.add(hlo.maximum(self, 0), hlo.minimum(low, 0))

   Tensors are `ir.Value`s; absent ones None; lists of tensors lists; dtypes torch dtypes; defaults are filled in.
   Several overloads may share a function; parameters that one of them lacks need a default.  Return one value, or
   a list for several results (None for one that `node.wants(i)` says nobody uses).  What comes back is checked
   against the dtype and shape PyTorch gives: `node.dtype`, `node.shape`, `node.dtype_of(i)`.
4. A view (schema `Tensor(a) -> Tensor(a)`) is registered with `@view` and returns `View(forward, inverse)`, both
   pure functions of values; without an inverse one is derived from positions.  `bijection(forward, backward)` is
   for views of all elements.
5. In-place, `out=`, `_foreach_..._` and other mutating operators are not registered: register the functional
   variant.  `node.write(argument, value)` is for arguments that are written though the schema does not say so.
6. An operator without a lowering is expanded by PyTorch's own decomposition, whose operators are lowered in turn:
   look at what comes out (`logging.getLogger("oxide.torch")` counts them) before writing one.  Write one where the
   decomposition is slow, inexact, long, or needs what has no lowering.
   Where PyTorch has none, a function of PyTorch tensors with the operator's parameters, registered with
   `@definition`, is its decomposition.
7. `node.call("aten.other.default", ...)` lowers by way of another operator; `node.static(value, "argument")` asks
   for a value known at import; `raise node.error("what; what to do")` refuses.
8. Test it against eager PyTorch in `tests/frontends/torch/`.
"""

from oxide.frontends.torch.ops import (
    activations,
    activations_backward,
    adaptive_pooling,
    arithmetic,
    assertions,
    attention,
    attention_backward,
    bits,
    complex,
    control_flow,
    convolution,
    convolution_backward,
    data_dependent,
    distances,
    eigen,
    elementwise,
    embedding_bag,
    factories,
    factorizations,
    fft,
    foreach,
    functionalized,
    fused,
    fused_optimizers,
    gradients,
    grid_sample,
    grid_sample_backward,
    grouped,
    indexing,
    joining,
    losses,
    matrix,
    normalization,
    observers,
    padding_backward,
    pooling,
    pooling_backward,
    prims,
    prims_defined,
    quantised,
    random,
    recurrent,
    recurrent_backward,
    reductions,
    resizing,
    scans,
    scattering,
    searching,
    segments,
    selecting,
    solving,
    sorting,
    special,
    striding,
    symbols,
    upsampling,
    views,
    windows,
)

__all__ = [
    "activations",
    "activations_backward",
    "adaptive_pooling",
    "arithmetic",
    "assertions",
    "attention",
    "attention_backward",
    "bits",
    "complex",
    "control_flow",
    "convolution",
    "convolution_backward",
    "data_dependent",
    "distances",
    "eigen",
    "elementwise",
    "embedding_bag",
    "factories",
    "factorizations",
    "fft",
    "foreach",
    "functionalized",
    "fused",
    "fused_optimizers",
    "gradients",
    "grid_sample",
    "grid_sample_backward",
    "grouped",
    "indexing",
    "joining",
    "losses",
    "matrix",
    "normalization",
    "observers",
    "padding_backward",
    "pooling",
    "pooling_backward",
    "prims",
    "prims_defined",
    "quantised",
    "random",
    "recurrent",
    "recurrent_backward",
    "reductions",
    "resizing",
    "scans",
    "scattering",
    "searching",
    "segments",
    "selecting",
    "solving",
    "sorting",
    "special",
    "striding",
    "symbols",
    "upsampling",
    "views",
    "windows",
]
