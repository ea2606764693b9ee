"""Sizes: integers as they are, and PyTorch's symbolic ones as expressions over the program's own symbols.

A program that was exported with dynamic shapes has sizes like `s27 + 1` (SymPy expressions in SymInts).  They
become `oxide.dialects.dims` sizes whose symbols are called what the user called the dimension (`Dim("batch")`), or
as PyTorch calls them where the program does not know.  What PyTorch knows of the symbols (ranges, and the
comparisons that the user's code made while it was traced) becomes constraints of the module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import sympy
import torch
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv, free_unbacked_symbols

from oxide.dialects import dims
from oxide.dialects.diagnostics import OxideError
from oxide.dialects.dims import DATA, Constraint, Dim, Size, depends_on_data

# Up to here sizes are multiplied by floats that have no exact products.
_LARGEST_TRIED = 2**20

# The names of PyTorch's symbols in the program that is being imported.
_names: ContextVar[Mapping[str, str] | None] = ContextVar("names", default=None)

# Where PyTorch compares sizes on its own account, to choose strides or check an operator's arguments: lowerings ask
# for what they need themselves.  Comparisons in torch.nn belong to the user's model.
_TORCH = os.path.dirname(torch.__file__) + os.sep
_MODEL_CODE = os.path.join(_TORCH, "nn") + os.sep


def size(value: Any) -> Any:
    """The size that an int or a torch.SymInt stands for; other values pass through.

    Raises OxideError for symbolic floats and bools.
    """
    if isinstance(value, torch.SymInt):
        return to_size(value.node.expr)
    if isinstance(value, torch.SymFloat | torch.SymBool):
        if value.node.expr.is_number or value.node.expr in (sympy.true, sympy.false):
            return (float if isinstance(value, torch.SymFloat) else bool)(value.node.expr)
        raise OxideError(f"the number {value} is known only when the model is called")
    return value


def size_if_any(value: torch.SymInt) -> Size | None:
    """The size that a torch.SymInt stands for; None for a number that Oxide's sizes have no counterpart of."""
    try:
        return size(value)
    except OxideError:
        return None


def sizes(values: Iterable[Any]) -> list[Any]:
    return [size(value) for value in values]


@contextmanager
def named(names: Mapping[str, str]) -> Iterator[None]:
    """Inside the block PyTorch's symbols are called `names`."""
    token = _names.set(names)
    try:
        yield
    finally:
        _names.reset(token)


# ------------------------------------------------------------------------------------------- from SymPy


def to_size(expression: Any) -> Size:
    """The size a SymPy expression of integers stands for."""
    if expression.is_Integer:
        return int(expression)
    if expression.is_Symbol:
        return _symbol(expression)
    numerator, denominator = expression.as_numer_denom() if expression.is_Add or expression.is_Mul else (0, 1)
    if denominator != 1:  # a quotient PyTorch knows to be whole
        return to_size(numerator) // to_size(denominator)
    build = _FUNCTIONS.get(type(expression).__name__)
    if build is None:
        raise OxideError(f"the size {expression} has no counterpart among Oxide's sizes")
    return build(*expression.args)


def _symbol(symbol: Any) -> Size:
    name = str(symbol.name)
    if _is_unbacked(symbol):
        return dims.symbol(DATA + name)
    return dims.symbol((_names.get() or {}).get(name, name))


@lru_cache(maxsize=1024)
def _is_unbacked(symbol: Any) -> bool:
    """Whether a symbol stands for a size that data decide; asked of each dimension of each tensor."""
    return bool(free_unbacked_symbols(symbol))


def _power(base: Any, exponent: Any) -> Size:
    power = to_size(exponent)
    if not isinstance(power, int) or power < 0:
        raise OxideError(f"the size {base}**{exponent} has no counterpart among Oxide's sizes")
    return reduce(lambda a, b: a * b, [to_size(base)] * power, 1)


def _rounded(quotient: Any, *, up: bool) -> Size:
    """A quotient rounded to an integer: what `math.floor(n / 2)`, `math.ceil(n / 2)` and `int(1.5 * n)` are."""
    if type(quotient).__name__ in ("IntTrueDiv", "FloatTrueDiv"):
        a, b = map(to_size, quotient.args)
        return _divided(a, b, up)
    factor, rest = quotient.as_coeff_Mul()
    fraction = _fraction(float(factor), up) if factor.is_Float and type(rest).__name__ == "ToFloat" else None
    size = 0 if fraction is None else to_size(rest)
    is_rounded = fraction != float(factor)
    if fraction is None or (is_rounded and depends_on_data(size)):
        raise OxideError(f"the size {quotient}, rounded, has no counterpart among Oxide's sizes")
    if is_rounded:
        dims.require_at_least(_LARGEST_TRIED, size, f"{quotient} is exact for sizes up to 2**20")
    return _divided(size * fraction.numerator, fraction.denominator, up)


def _divided(a: Any, b: Any, up: bool) -> Size:
    return -(-a // b) if up else a // b


@lru_cache(maxsize=64)
def _fraction(factor: float, up: bool) -> Fraction | None:
    """What sizes may be multiplied by instead of a float; None where the result is another for some of them.

    The float itself where no product is rounded.  Else a simple fraction: then each size has been tried.
    """
    exact, simple = Fraction(factor), Fraction(factor).limit_denominator(1000)
    if max(abs(exact.numerator), exact.denominator) < 2**20:
        return exact
    sizes = np.arange(_LARGEST_TRIED + 1)
    products, rounded = sizes * simple.numerator, np.ceil if up else np.floor
    quotients = -(-products // simple.denominator) if up else products // simple.denominator
    return simple if np.array_equal(rounded(sizes * factor), quotients) else None


# SymPy's classes and those of torch.utils._sympy.functions, by name.
_FUNCTIONS: dict[str, Callable[..., Size]] = {
    "Add": lambda *terms: reduce(lambda a, b: a + b, map(to_size, terms)),
    "Mul": lambda *terms: reduce(lambda a, b: a * b, map(to_size, terms)),
    "Pow": _power,
    "PowByNatural": _power,
    "FloorDiv": lambda a, b: to_size(a) // to_size(b),
    "CleanDiv": lambda a, b: to_size(a) // to_size(b),
    "CeilDiv": lambda a, b: -(-to_size(a) // to_size(b)),
    "Mod": lambda a, b: to_size(a) % to_size(b),
    "PythonMod": lambda a, b: to_size(a) % to_size(b),
    "ModularIndexing": lambda a, b, c: to_size(a) // to_size(b) % to_size(c),
    "Max": lambda *terms: dims.maximum(*map(to_size, terms)),
    "Min": lambda *terms: dims.minimum(*map(to_size, terms)),
    "Identity": lambda a: to_size(a),
    "ToFloat": lambda a: to_size(a),
    "FloorToInt": lambda a: _rounded(a, up=False),
    "TruncToInt": lambda a: _rounded(a, up=False),
    "CeilToInt": lambda a: _rounded(a, up=True),
}


def to_constraints(relation: Any) -> list[Constraint]:
    """What must hold for a SymPy relation to be true, nothing where it always is.

    Raises OxideError for what is no conjunction of comparisons of sizes.
    """
    kind = type(relation).__name__
    if kind == "BooleanTrue":
        return []
    if kind == "And":
        return [c for part in relation.args for c in to_constraints(part)]
    if kind not in _RELATIONS:
        raise OxideError(f"the condition {relation} has no counterpart among constraints of sizes")
    return [_RELATIONS[kind](to_size(relation.lhs), to_size(relation.rhs))]


_RELATIONS: dict[str, Callable[[Size, Size], Constraint]] = {
    "Equality": lambda a, b: Constraint("==", a, b),
    "Unequality": lambda a, b: Constraint("!=", a, b),
    "GreaterThan": lambda a, b: Constraint(">=", a, b),
    "StrictGreaterThan": lambda a, b: Constraint(">=", a, b + 1),
    "LessThan": lambda a, b: Constraint(">=", b, a),
    "StrictLessThan": lambda a, b: Constraint(">=", b, a + 1),
}


# ------------------------------------------------------------------------------------ a program's symbols


class Symbols:
    """The symbols of one program: their names, what is known of them, and the way back to SymInts.

    `mode` is the one fake tensors of the program are of; it is a new one where all its sizes are numbers.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        """`values` are what the program's nodes stand for, placeholders first, fake tensors among them."""
        modes = [v.fake_mode for v in values if isinstance(v, torch._subclasses.FakeTensor)]
        known = [m for m in modes if m.shape_env is not None]
        self.env: ShapeEnv | None = known[0].shape_env if known else None
        self.mode = known[0] if known else FakeTensorMode(allow_non_fake_inputs=True)
        self.names = _user_names(self.env) if self.env is not None else {}
        self._integers: dict[str, Any] = {}
        # Guards seen so far: expansions may add to those of the program.
        self._seen = 0

    def to_torch(self, value: Size) -> Any:
        """The number, or SymInt of the program, that a size stands for."""
        if not isinstance(value, Dim):
            return value
        total: Any = 0
        for monomial, factor in value.terms:
            term: Any = factor
            for atom, power in monomial:
                for _ in range(power):
                    term = term * self._atom(atom)
            total = total + term
        return total

    def _atom(self, atom: dims.Atom) -> Any:
        if atom.kind == "symbol":
            return self._integer(atom.name)
        operands = [self.to_torch(operand) for operand in atom.operands]
        return reduce(_ON_SYMINTS[atom.kind], operands)

    def _integer(self, name: str) -> Any:
        if name not in self._integers:
            assert self.env is not None
            found = self._original(name)
            hint = self.env.backed_var_to_val.get(found)
            self._integers[name] = self.env.create_symintnode(found, hint=None if hint is None else int(hint))
        return self._integers[name]

    def _original(self, name: str) -> Any:
        """PyTorch's symbol for a name here."""
        assert self.env is not None
        own = name.removeprefix(DATA)
        original = next((symbol for symbol, called in self.names.items() if called == name), own)
        return next(s for s in self.env.var_to_range if s.name == original)

    def range_of(self, symbol: Size) -> tuple[int, int] | None:
        """The least and the largest that PyTorch lets a symbol be; None for what has no bounds."""
        if self.env is None:
            return None
        (name,) = dims.symbols(symbol)
        bounds = self.env.var_to_range[self._original(name)]
        if not bounds.upper.is_Integer or not bounds.lower.is_Integer:
            return None
        return int(bounds.lower), int(bounds.upper)

    def require_ranges(self, used: Iterable[str]) -> None:
        """Record the bounds of the symbols `used` (names here).

        A lower bound of 2 is PyTorch's way to keep 0 and 1 apart, which it does not insist on in a call.
        """
        if self.env is None:
            return
        wanted = set(used)
        for symbol, bounds in self.env.var_to_range.items():
            name = self.names.get(symbol.name, symbol.name)
            if name not in wanted or symbol in self.env.replacements:
                continue
            if bounds.lower > 2:
                dims.require_at_least(dims.symbol(name), int(bounds.lower), f"{name} is at least {bounds.lower}")
            if bounds.upper.is_Integer:
                dims.require_at_least(int(bounds.upper), dims.symbol(name), f"{name} is at most {bounds.upper}")

    def require_guards(self) -> None:
        """Record what the user's code compared while it was traced, and expansions since the last call."""
        if self.env is None:
            return
        for guard in self.env.guards[self._seen :]:
            if not _is_internal(guard):
                for constraint in to_constraints(self.env.replace(guard.expr)):
                    dims.require(constraint)
        self._seen = len(self.env.guards)


_ON_SYMINTS: dict[str, Callable[[Any, Any], Any]] = {
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "max": torch.sym_max,
    "min": torch.sym_min,
}


def _user_names(env: ShapeEnv) -> dict[str, str]:
    """What the user called PyTorch's symbols; a name for two different ones is given to the first."""
    names: dict[str, str] = {}
    sources = env.source_to_var
    for source, name in env.source_name_to_debug_name.items():
        expression: Any = sources.get(source)
        symbol: Any = env.replacements.get(expression, expression)
        if symbol is not None and symbol.is_Symbol and name.isidentifier() and name not in names.values():
            names.setdefault(symbol.name, name)
    return names


def _is_internal(guard: Any) -> bool:
    """Whether PyTorch made a comparison for itself."""
    place = guard.sloc.framework_loc
    file = getattr(place, "filename", "")
    return file.startswith(_TORCH) and not file.startswith(_MODEL_CODE)
