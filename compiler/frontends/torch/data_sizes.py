"""Sizes that depend on the values of tensors: what PyTorch calls unbacked symbols, `u0`.

The result of nonzero has shape [u0, 2] for PyTorch.  Here it is a buffer with room for all elements of the mask,
and u0 has a value, the count.  A size such as `2*u0 + 1` has room for what it is at most and is computed from the
counts.  So a tensor is lowered as a buffer whose dimensions have that room, with its true sizes beside it
(`tensors.Tensor.sizes`); along a dimension whose size depends on data only the leading elements count.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import torch
from jaxlib.mlir import ir

from oxide.dialects import dims, hlo
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import DATA, Atom, Dim, Size, depends_on_data
from oxide.frontends.bounded import Bounded, fit
from oxide.frontends.ranges import upper_bound
from oxide.frontends.torch.dtypes import to_numpy
from oxide.frontends.torch.sizes import Symbols, size_if_any, sizes
from oxide.frontends.torch.tensors import Tensor, read, wrap


class DataSizes:
    """The sizes of one program that depend on data: what they are, and what they are at most."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._counts: dict[str, ir.Value] = {}
        self._most: dict[str, Size | None] = {}

    def define(self, symbol: Size, count: ir.Value, most: Size | None) -> None:
        """Give a symbol its value, an int64 scalar, of at most `most`: or less where the program says so."""
        (name,) = dims.symbols(symbol)
        limit = self.limit(symbol)
        known = [bound for bound in (most, limit) if bound is not None]
        self._most[name] = reduce(dims.minimum, known) if known else None
        self._counts[name] = count

    def limit(self, symbol: Size) -> Size | None:
        """What a size is at most as the program says (torch._check); None where it says nothing."""
        if not depends_on_data(symbol):
            return symbol
        if not _is_symbol(symbol):
            return None
        bounds = self._symbols.range_of(symbol)
        return bounds[1] if bounds is not None and bounds[1] < sys.maxsize - 1 else None

    def is_new(self, size: Size) -> bool:
        """Whether the size is a symbol that has no value yet, or an expression with one."""
        return any(name.startswith(DATA) and name not in self._counts for name in dims.symbols(size))

    def room(self, size: Size) -> Size:
        """What a size is at most.  Raises OxideError where that is not known."""
        if not isinstance(size, Dim) or not depends_on_data(size):
            return size
        total: Size = 0
        for monomial, factor in size.terms:
            if factor > 0 or not any(_depends(atom) for atom, _ in monomial):
                atoms = [atom for atom, power in monomial for _ in range(power)]
                total = total + factor * math.prod(map(self._most_of, atoms))
        return dims.maximum(total, 0)

    def _most_of(self, atom: Atom) -> Size:
        if atom.kind == "symbol":
            if not _depends(atom):
                return dims.symbol(atom.name)
            most = self._most.get(atom.name)
            if most is None:
                raise unbounded(atom.name)
            return most
        rooms = [self.room(operand) for operand in atom.operands]
        if atom.kind == "%" and _depends(atom):
            return rooms[0]
        return _SIZES[atom.kind](*rooms)

    def rooms(self, value: Any) -> Any:
        """`room` of sizes, also inside lists; other values pass."""
        if isinstance(value, list | tuple):
            return [self.rooms(part) for part in value]
        return self.room(value) if isinstance(value, Dim) else value

    def value(self, size: Size) -> ir.Value:
        """A size as an int64 scalar."""
        if not isinstance(size, Dim) or not depends_on_data(size):
            return hlo.constant(size, np.int64)
        terms = [self._term(monomial, factor) for monomial, factor in size.terms]
        return reduce(hlo.add, terms)

    def _term(self, monomial: Any, factor: int) -> ir.Value:
        factors = [self._value_of(atom) for atom, power in monomial for _ in range(power)]
        product = reduce(hlo.multiply, factors) if factors else hlo.constant(1, np.int64)
        return product if factor == 1 else hlo.multiply(product, factor)

    def _value_of(self, atom: Atom) -> ir.Value:
        if atom.kind == "symbol":
            if not _depends(atom):
                return hlo.constant(dims.symbol(atom.name), np.int64)
            if atom.name not in self._counts:
                raise OxideError(f"the size {atom.name.removeprefix(DATA)} is used before it is known")
            return self._counts[atom.name]
        return reduce(_VALUES[atom.kind], [self.value(operand) for operand in atom.operands])

    def output(self, value: Any) -> Any:
        """A tensor as it leaves the program: a value, or a buffer with its count."""
        if not isinstance(value, Tensor) or value.sizes is None:
            return read(value)
        axes = [axis for axis, size in enumerate(value.sizes) if depends_on_data(size)]
        if len(axes) > 1:
            shape = ", ".join(map(text, value.sizes))
            raise OxideError(
                f"a result has the shape [{shape}], of which {len(axes)} dimensions depend on the values of "
                "tensors, and only one may; reduce or flatten it"
            )
        return Bounded(value.read(), axes[0], self.value(value.sizes[axes[0]]))

    # ------------------------------------------------------------------------------ what nodes return

    def bind(self, result: Any, meta: Any) -> Any:
        """What a node returns, values as tensors with the dtypes and sizes that PyTorch gives: `meta`.

        A `Bounded` tells the value of a new symbol.  Raises OxideError where dtype or shape is another; where open
        sizes decide, records what they must satisfy.
        """
        if isinstance(result, list | tuple):
            metas = meta if isinstance(meta, list | tuple) else [None] * len(result)
            return [self.bind(part, expected) for part, expected in zip(result, metas, strict=True)]
        if isinstance(meta, torch.SymInt):
            return self._number(result, size_if_any(meta))
        if not isinstance(meta, torch.Tensor):
            return wrap(result)
        true = tuple(sizes(meta.shape))
        if isinstance(result, Bounded):
            result = self._fitted(result, true[result.axis])
        tensor = result if isinstance(result, Tensor) else Tensor(result)
        if any(map(depends_on_data, true)):
            self._learn(tensor, true)
            tensor.sizes = true
        if isinstance(result, ir.Value):
            self._check(result, to_numpy(meta.dtype), tuple(self.rooms(true)))
        return tensor

    def _check(self, result: ir.Value, dtype: np.dtype, shape: tuple[Size, ...]) -> None:
        if hlo.dtype(result) == dtype and hlo.shape(result) == shape:
            return
        message = f"internal error: lowered to {result.type}, but PyTorch gives {dtype}{list(shape)}"
        if hlo.dtype(result) != dtype:
            raise OxideError(message)
        dims.require_same(hlo.shape(result), shape, message)

    def _fitted(self, result: Bounded, true: Size) -> ir.Value:
        if self.is_new(true):
            self._require_symbol(true)
            self.define(true, result.count, hlo.shape(result.buffer)[result.axis])
        return fit(result.buffer, result.axis, self.room(true))

    def _learn(self, tensor: Tensor, true: Sequence[Size]) -> None:
        """Symbols of a node's result that its expansion calls otherwise."""
        inner = tensor.sizes or hlo.shape(tensor.read())
        if len(inner) != len(true):
            shape = ", ".join(map(text, true))
            raise OxideError(f"its result has {len(inner)} dimensions, and for PyTorch the shape [{shape}]")
        for here, there in zip(true, inner, strict=True):
            if self.is_new(here):
                self._require_symbol(here)
                self.define(here, self.value(there), self.room(there))

    def _number(self, result: Any, true: Size | None) -> Any:
        """A number that depends on data stays a tensor of rank 0, and can be a size where sizes can express it."""
        if true is None or not depends_on_data(true):
            return Tensor(result) if isinstance(result, ir.Value) else result
        if isinstance(result, Dim):
            return self._known(true)
        tensor = result if isinstance(result, Tensor) else Tensor(_scalar(result))
        if self.is_new(true):
            self._require_symbol(true)
            self.define(true, tensor.read(), upper_bound(tensor.read()))
        tensor.number = true
        return tensor

    def _known(self, true: Size) -> Tensor:
        tensor = Tensor(self.value(true))
        tensor.number = true
        return tensor

    def _require_symbol(self, true: Size) -> None:
        if not _is_symbol(true):
            raise OxideError(f"the size {text(true)} is used before it is known")


def _depends(atom: Atom) -> bool:
    if atom.kind == "symbol":
        return atom.name.startswith(DATA)
    return any(map(depends_on_data, atom.operands))


def _is_symbol(size: Size) -> bool:
    return size in [dims.symbol(name) for name in dims.symbols(size)]


def _scalar(number: Any) -> ir.Value:
    return number if isinstance(number, ir.Value) else hlo.constant(number, np.int64)


def text(size: Size) -> str:
    """A size as PyTorch writes it."""
    return str(dims.rename(size, {name: dims.symbol(name.removeprefix(DATA)) for name in dims.symbols(size)}))


def unbounded(name: str) -> OxideError:
    return OxideError(
        f"the size {name.removeprefix(DATA)} depends on the values of tensors and has no upper bound, which XLA "
        "needs; say one in the model, torch._check(n <= limit), or use an operator of fixed size (torch.where)"
    )


_SIZES: dict[str, Callable[..., Size]] = {
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "max": dims.maximum,
    "min": dims.minimum,
}
_VALUES: dict[str, Callable[..., ir.Value]] = {
    "//": hlo.divide,
    "%": hlo.remainder,
    "max": hlo.maximum,
    "min": hlo.minimum,
}
