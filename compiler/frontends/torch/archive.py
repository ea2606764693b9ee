"""`.pt2` files: read only when nothing in them can run code.

torch.export.load unpickles parts of the archive without restriction and evaluates the text of symbolic sizes.
So every pickle is first read by PyTorch's restricted reader, which knows tensors and plain containers only, and
every expression must consist of numbers, symbols, operators and PyTorch's own functions of sizes.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import torch
from torch.export import ExportedProgram

from oxide.dialects.diagnostics import OxideError

# Configurations that say how a tensor's file is to be read; other files named so are pickles.
_CONFIGURATION = re.compile(r"/data/(weights|constants)/[^/]*_config\.json$")
# Tensors as plain bytes, which nothing interprets unless their configuration says `use_pickle`.
_RAW = re.compile(r"/data/(?:weights|constants)/(?:weight|tensor)_\d+$")
_TEXT = re.compile(r"\.json$|/(?:archive_format|archive_version|byteorder|version|\.data/\w+)$")
_PICKLE = re.compile(r"\.pt$")
_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|'[suz][a-z]*\d+'|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\*\*|//|[-+*/%(),<>=!&|~])")
_SYMBOL = re.compile(r"[suz][a-z]*\d+")
# Numbers and Booleans, logic, arithmetic, and what torch.utils._sympy.functions adds.
_SIZE_FUNCTIONS = frozenset(
    (
        *("Symbol", "integer", "positive", "nonnegative", "real", "Integer", "Rational", "Float", "precision"),
        *("True", "False", "nan", "oo", "zoo", "int_oo"),
        *("And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Where"),
        *("Abs", "Add", "Mul", "Pow", "Max", "Min", "Mod", "floor", "ceiling"),
        *("CeilToInt", "CleanDiv", "FloatTrueDiv", "FloorDiv", "FloorToInt", "Identity", "IntTrueDiv"),
        *("IsNonOverlappingAndDenseIndicator", "ModularIndexing", "OpaqueUnaryFn_sqrt", "PowByNatural"),
        *("PythonMod", "RoundDecimal", "RoundToInt", "ToFloat", "TruncToFloat", "TruncToInt"),
    )
)


def read_archive(source: str | os.PathLike[str] | bytes, label: str) -> ExportedProgram:
    """The program that torch.export.save wrote; `label` names the file in errors.

    Raises OxideError for a file that is damaged, none of torch.export's, or holds what can run code: pickled
    objects that are no tensors, compiled libraries, expressions that call other functions.
    """
    try:
        data = source if isinstance(source, bytes) else None
        with zipfile.ZipFile(os.fspath(source) if data is None else io.BytesIO(data)) as archive:
            _check(archive, label)
        return torch.export.load(os.fspath(source) if data is None else io.BytesIO(data))
    except OxideError:
        raise
    except Exception as error:  # a file can be broken in any way
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise OxideError(f"{label}: not a program that torch.export.save wrote, or damaged: {reason}") from error


def _check(archive: zipfile.ZipFile, label: str) -> None:
    names = archive.namelist()
    if len(set(names)) != len(names):  # two readers may choose different ones
        raise OxideError(f"{label}: two files in the archive have the same name")
    if not any(name.endswith(("/models/model.json", "serialized_exported_program.json")) for name in names):
        raise OxideError(
            f"{label}: a zip archive without a program of torch.export (a checkpoint?); export the model"
        )
    pickled = set()
    for name in filter(_CONFIGURATION.search, names):
        for entry in json.loads(archive.read(name))["config"].values():
            if entry.get("use_pickle", True):
                pickled.add(f"{os.path.dirname(name)}/{entry['path_name']}")
    for name in names:
        if name in pickled or _PICKLE.search(name):
            _check_pickle(archive.read(name), f"{label}: {name}")
        elif name.endswith(".json"):
            for expression in _expressions(json.loads(archive.read(name))):
                _check_expression(expression, f"{label}: {name}")
        elif not (_RAW.search(name) or _TEXT.search(f"/{name}")):
            raise OxideError(f"{label}: holds {name}, which is neither a program nor its weights; it is not opened")


def _check_pickle(data: bytes, what: str) -> None:
    if not data:
        return
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    except Exception as error:
        raise OxideError(
            f"{what} holds pickled objects that are no tensors, which could run code; save the program without them"
        ) from error


def _expressions(value: Any) -> Iterator[str]:
    """The texts of symbolic sizes in a program's JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "expr_str" and isinstance(inner, str):
                yield inner
            else:
                yield from _expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner)


def _check_expression(text: str, what: str) -> None:
    position = 0
    while position < len(text.rstrip()):
        token = _TOKEN.match(text, position)
        if token is None or (token[1] and not (_SYMBOL.fullmatch(token[1]) or token[1] in _SIZE_FUNCTIONS)):
            raise OxideError(f"{what} has a size {text[:80]!r} that is no expression over sizes")
        position = token.end()
