"""Products of matrices: mm, bmm, matmul, linear, addmm and their kin, einsum."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import hlo
from oxide.frontends.torch.promotion import compute_dtype
from oxide.frontends.torch.registry import Node, lowering

Value = ir.Value


def product(x: Value, y: Value) -> Value:
    """numpy's matmul; bools as PyTorch has it, true where any pair is."""
    if hlo.dtype(x) == np.bool_:
        return hlo.not_equal(hlo.matmul(hlo.convert(x, np.int32), hlo.convert(y, np.int32)), 0)
    return hlo.matmul(x, y)


@lowering("aten.mm.default", "aten.bmm.default")
def mm(node: Node, self: Value, mat2: Value) -> Value:
    return product(self, mat2)


@lowering("aten.mv.default")
def mv(node: Node, self: Value, vec: Value) -> Value:
    return product(self, vec)


@lowering("aten.dot.default")
def dot(node: Node, self: Value, tensor: Value) -> Value:
    return product(self, tensor)


@lowering("aten.matmul.default")
def matmul(node: Node, self: Value, other: Value) -> Value:
    return product(self, other)


@lowering("aten.outer.default")
def outer(node: Node, self: Value, vec2: Value) -> Value:
    return node.call("aten.mul.Tensor", hlo.reshape(self, [hlo.size(self), 1]), vec2)


@lowering("aten.linear.default")
def linear(node: Node, input: Value, weight: Value, bias: Value | None = None) -> Value:
    """x W^T + b; W is [out, in] or [in]."""
    y = hlo.dot_general(input, weight, contract=([hlo.rank(input) - 1], [hlo.rank(weight) - 1]))
    return y if bias is None else hlo.add(y, bias)


@lowering("aten._int_mm.default")
def int_mm(node: Node, self: Value, mat2: Value) -> Value:
    """int8 matrices, added up in int32."""
    return hlo.matmul(self, mat2, result_dtype=np.int32)


@lowering("aten._scaled_mm.default")
def scaled_mm(
    node: Node,
    self: Value,
    mat2: Value,
    scale_a: Value,
    scale_b: Value,
    bias: Value | None = None,
    scale_result: Value | None = None,
    out_dtype: torch.dtype | None = None,
    use_fast_accum: bool = False,
) -> Value:
    """float8 matrices [m, k] and [k, n], added up in float32, times scales of all or of each row and column.

    `use_fast_accum` allows a device to add up less exactly, which needs no counterpart.
    """
    if scale_result is not None:
        raise node.error("scale_result is not supported; multiply the result by it")
    rows, columns = node.shape
    for scale, fitting in ((scale_a, (rows, 1)), (scale_b, (1, columns))):
        if hlo.size(scale) != 1 and hlo.shape(scale) != fitting:
            raise node.error(f"scales of shape {hlo.shape(scale)} go with blocks, which is not supported")
    y = hlo.matmul(hlo.convert(self, np.float32), hlo.convert(mat2, np.float32))
    for scale in (scale_a, scale_b):
        y = hlo.multiply(y, hlo.reshape(scale, []) if hlo.size(scale) == 1 else scale)
    return node.cast(y if bias is None else hlo.add(y, hlo.convert(bias, np.float32)), node.dtype)


def weighted_sum(self: Value, product: Value, beta: Any, alpha: Any) -> Value:
    """beta * self + alpha * product; with beta 0 NaN and infinity in self do not count."""
    dtype = hlo.dtype(product)
    wide = compute_dtype(dtype)
    scaled = hlo.convert(product, wide)
    if alpha != 1:
        scaled = hlo.multiply(scaled, alpha)
    if beta != 0:
        addend = hlo.convert(self, wide)
        scaled = hlo.add(scaled, addend if beta == 1 else hlo.multiply(addend, beta))
    return hlo.convert(scaled, dtype)


@lowering("aten.addmm.default")
def addmm(node: Node, self: Value, mat1: Value, mat2: Value, beta: Any = 1, alpha: Any = 1) -> Value:
    return weighted_sum(self, product(mat1, mat2), beta, alpha)


@lowering("aten.baddbmm.default")
def baddbmm(node: Node, self: Value, batch1: Value, batch2: Value, beta: Any = 1, alpha: Any = 1) -> Value:
    return weighted_sum(self, product(batch1, batch2), beta, alpha)


@lowering("aten.addbmm.default")
def addbmm(node: Node, self: Value, batch1: Value, batch2: Value, beta: Any = 1, alpha: Any = 1) -> Value:
    """The products of a batch summed."""
    total = hlo.dot_general(batch1, batch2, contract=([0, 2], [0, 1]))
    return weighted_sum(self, total, beta, alpha)


@lowering("aten.addmv.default")
def addmv(node: Node, self: Value, mat: Value, vec: Value, beta: Any = 1, alpha: Any = 1) -> Value:
    return weighted_sum(self, product(mat, vec), beta, alpha)


@lowering("aten.addr.default")
def addr(node: Node, self: Value, vec1: Value, vec2: Value, beta: Any = 1, alpha: Any = 1) -> Value:
    products = hlo.dot_general(vec1, vec2, contract=([], []))
    return node.cast(weighted_sum(self, products, beta, alpha), node.dtype)


@lowering("aten.einsum.default")
def einsum(node: Node, equation: str, tensors: Sequence[Value], path: Any = None) -> Value:
    """Einstein summation, contracted from left to right or along `path` (pairs of positions, flattened)."""
    terms, output = _parse(node, equation, [hlo.rank(t) for t in tensors])
    pool = [_diagonal(term, t) for term, t in zip(terms, tensors, strict=True)]
    order = list(path) if path else [0, 1] * (len(pool) - 1)
    for i, j in zip(order[::2], order[1::2], strict=True):
        second, first = pool.pop(max(i, j)), pool.pop(min(i, j))
        pool.append(_contract(first, second, {*output, *(c for term, _ in pool for c in term)}))
    return _arranged(*pool[0], output)


@lowering("aten._trilinear.default")
def trilinear(
    node: Node,
    i1: Value,
    i2: Value,
    i3: Value,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> Value:
    """The product of three tensors, each without the dimensions it `expand`s along, summed over `sumdim`.

    `unroll_dim` says in which order PyTorch computes it.
    """
    total = hlo.rank(i1) + len(expand1)
    letters = string.ascii_letters[:total]
    absent = [hlo.normalize_axes(axes, total) for axes in (expand1, expand2, expand3, sumdim)]
    *terms, output = ("".join(c for i, c in enumerate(letters) if i not in axes) for axes in absent)
    return einsum(node, f"{','.join(terms)}->{output}", [i1, i2, i3])


@lowering("aten.bilinear.default")
def bilinear(node: Node, input1: Value, input2: Value, weight: Value, bias: Value | None = None) -> Value:
    """input1 weight[o] input2' for each output o, plus its bias."""
    product = einsum(node, "...i,oij,...j->...o", [input1, weight, input2])
    return product if bias is None else hlo.add(product, bias)


Term = tuple[str, Value]
# Letters for the dimensions of an ellipsis, which no equation can contain.
_ELLIPSIS = "0123456789"


def _parse(node: Node, equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Subscripts of the operands and of the output, ellipses spelled out."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise node.error(f"equation {equation!r} is for {len(terms)} operands, there are {len(ranks)}")
    spans = [rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True)]
    widest = max((s for s, t in zip(spans, terms, strict=True) if "..." in t), default=0)
    dots = _ELLIPSIS[:widest]
    spelled = [term.replace("...", dots[widest - span :]) for term, span in zip(terms, spans, strict=True)]
    if not arrow:
        letters = sorted({c for term in terms for c in term.replace("...", "")})
        once = [c for c in letters if left.count(c) == 1]
        return spelled, dots + "".join(once)
    return spelled, right.replace("...", dots)


def _diagonal(term: str, x: Value) -> Term:
    """A letter that occurs twice in one term takes the diagonal."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            a = term.index(letter)
            b = term.index(letter, a + 1)
            dims = hlo.shape(x)
            same = hlo.equal(hlo.iota(dims, a, np.int32), hlo.iota(dims, b, np.int32))
            x = hlo.reduce_sum(hlo.select(same, x, 0), [b])
            term = term[:b] + term[b + 1 :]
    return term, x


def _contract(first: Term, second: Term, kept: set[str]) -> Term:
    """One dot: shared letters that are kept are batch, shared ones that are not are contracted."""
    (a, x), (b, y) = (_summed(*term, kept | set(other)) for term, other in ((first, second[0]), (second, first[0])))
    a, x = _squeezed((a, x), (b, y))
    b, y = _squeezed((b, y), (a, x))
    shared = [c for c in a if c in b]
    batch = [c for c in shared if c in kept]
    contracted = [c for c in shared if c not in kept]
    result = hlo.dot_general(
        x,
        y,
        contract=([a.index(c) for c in contracted], [b.index(c) for c in contracted]),
        batch=([a.index(c) for c in batch], [b.index(c) for c in batch]),
    )
    letters = [*batch, *(c for c in a if c not in shared), *(c for c in b if c not in shared)]
    return "".join(letters), result


def _squeezed(term: Term, other: Term) -> Term:
    """A dimension of size 1 broadcasts against the other operand's: it goes."""
    (a, x), (b, y) = term, other
    ones = [i for i, c in enumerate(a) if c in b and hlo.shape(x)[i] == 1 and hlo.shape(y)[b.index(c)] != 1]
    return "".join(c for i, c in enumerate(a) if i not in ones), hlo.squeeze(x, ones)


def _summed(term: str, x: Value, kept: set[str]) -> Term:
    """Letters that nothing else has are summed away."""
    axes = [i for i, c in enumerate(term) if c not in kept]
    return "".join(c for c in term if c in kept), hlo.reduce_sum(x, axes) if axes else x


def _arranged(term: str, x: Value, output: str) -> Value:
    term, x = _summed(term, x, set(output))
    return hlo.transpose(x, [term.index(c) for c in output])
