"""MatMul, Gemm and Einsum."""

from __future__ import annotations

import string

from jaxlib.mlir import ir

from oxide.dialects import dtypes, hlo
from oxide.dialects.dims import Size
from oxide.frontends.onnx.ops.elementwise import align_limited
from oxide.frontends.onnx.registry import Node, lowering


@lowering("MatMul", 1, 9, 13)
def matmul(node: Node, a: ir.Value, b: ir.Value) -> ir.Value:
    return hlo.matmul(a, b)


@lowering("Gemm", 1, 6)
def gemm_1(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    c: ir.Value,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    broadcast: int = 0,
    transA: int = 0,
    transB: int = 0,
) -> ir.Value:
    product = gemm(node, a, b, alpha=alpha, transA=transA, transB=transB)
    bias = align_limited(node, product, c, None, broadcast)
    return hlo.add(product, _scale(node, bias, beta))


@lowering("Gemm", 7, 9, 11, 13)
def gemm(
    node: Node,
    a: ir.Value,
    b: ir.Value,
    c: ir.Value | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> ir.Value:
    """alpha * A' @ B' + beta * C."""
    if hlo.rank(a) != 2 or hlo.rank(b) != 2:
        raise node.error(f"A and B must be matrices, their shapes are {hlo.shape(a)} and {hlo.shape(b)}")
    y = _scale(node, hlo.dot_general(a, b, contract=([0 if transA else 1], [1 if transB else 0])), alpha)
    return y if c is None else hlo.add(y, hlo.broadcast_to(_scale(node, c, beta), hlo.shape(y)))


def _scale(node: Node, x: ir.Value, factor: float) -> ir.Value:
    if factor == 1:
        return x
    if dtypes.is_integer(hlo.dtype(x)) and factor != int(factor):
        raise node.error(f"factor {factor} does not fit integer operands")
    return hlo.multiply(x, int(factor) if dtypes.is_integer(hlo.dtype(x)) else factor)


@lowering("Einsum", 12, 28)
def einsum(node: Node, *operands: ir.Value, equation: str) -> ir.Value:
    """numpy's einsum: explicit or implicit output, repeated labels (diagonals), ellipsis."""
    inputs, output = _parse(node, equation, [hlo.rank(x) for x in operands])
    terms = [_diagonal(x, labels) for x, labels in zip(operands, inputs, strict=True)]
    value, labels = terms[0]
    for i, (other, other_labels) in enumerate(terms[1:], start=2):
        needed = set(output).union(*[set(t) for _, t in terms[i:]])
        value, labels = _contract(node, value, labels, other, other_labels, needed)
    value = hlo.reduce_sum(value, [i for i, c in enumerate(labels) if c not in output])
    labels = "".join(c for c in labels if c in output)
    return hlo.transpose(value, [labels.index(c) for c in output])


def _parse(node: Node, equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Labels of each operand and of the output, one letter a dimension, ellipses replaced by fresh letters."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise node.error(f"equation {equation!r} has {len(terms)} terms for {len(ranks)} operands")
    free = [c for c in string.ascii_letters if c not in equation]
    hidden = max(
        (r - len(t.replace("...", "")) for t, r in zip(terms, ranks, strict=True) if "..." in t), default=0
    )
    if hidden < 0 or hidden > len(free):
        raise node.error(f"equation {equation!r} does not fit operands of rank {ranks}")
    dots = "".join(free[:hidden])
    inputs = []
    for term, rank in zip(terms, ranks, strict=True):
        missing = rank - len(term.replace("...", ""))
        labels = term.replace("...", dots[len(dots) - missing :] if missing else "")
        if len(labels) != rank or (not labels.isalpha() and labels):
            raise node.error(f"equation {equation!r}: term {term!r} does not fit an operand of rank {rank}")
        inputs.append(labels)
    joined = "".join(inputs)
    implicit = dots + "".join(sorted(c for c in set(joined) - set(dots) if joined.count(c) == 1))
    output = right.replace("...", dots) if arrow else implicit
    if len(set(output)) != len(output) or not set(output) <= set(joined):
        raise node.error(f"equation {equation!r}: output labels must be distinct and occur in an operand")
    return inputs, output


def _diagonal(x: ir.Value, labels: str) -> tuple[ir.Value, str]:
    """Sum out repeated labels by keeping only elements whose positions agree."""
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            first, second = labels.index(label), labels.rindex(label)
            dims = hlo.shape(x)
            same = hlo.equal(hlo.iota(dims, first, "int32"), hlo.iota(dims, second, "int32"))
            x = hlo.reduce_sum(hlo.select(same, x, 0), [second])
            labels = labels[:second] + labels[second + 1 :]
    return x, labels


def _contract(
    node: Node, x: ir.Value, x_labels: str, y: ir.Value, y_labels: str, needed: set[str]
) -> tuple[ir.Value, str]:
    """One dot_general over the shared labels; those still needed are batch dimensions.

    A label only one side has and nobody needs is summed first; a shared dimension of size 1 broadcasts.
    """
    x, x_labels = _drop(x, x_labels, needed | set(y_labels))
    y, y_labels = _drop(y, y_labels, needed | set(x_labels))
    sizes: dict[str, Size] = {}
    for label, size in zip(x_labels + y_labels, hlo.shape(x) + hlo.shape(y), strict=True):
        (sizes[label],) = hlo.broadcast_shapes((sizes.get(label, 1),), (size,))
    x = hlo.broadcast_to(x, [sizes[c] for c in x_labels])
    y = hlo.broadcast_to(y, [sizes[c] for c in y_labels])
    shared = [c for c in x_labels if c in y_labels]
    batch = [c for c in shared if c in needed]
    contract = [c for c in shared if c not in needed]
    value = hlo.dot_general(
        x,
        y,
        contract=([x_labels.index(c) for c in contract], [y_labels.index(c) for c in contract]),
        batch=([x_labels.index(c) for c in batch], [y_labels.index(c) for c in batch]),
    )
    rest = [c for c in x_labels if c not in shared] + [c for c in y_labels if c not in shared]
    return value, "".join(batch + rest)


def _drop(x: ir.Value, labels: str, keep: set[str]) -> tuple[ir.Value, str]:
    summed = [i for i, c in enumerate(labels) if c not in keep]
    return hlo.reduce_sum(x, summed), "".join(c for c in labels if c in keep)
