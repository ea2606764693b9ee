"""Hostile MLIR is refused with a diagnostic; plain MLIR costs no child process."""

import io
import subprocess

import pytest

from oxide import sandbox
from oxide.dialects.context import make_context, parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.sandbox import bracket_depth, check_module_bytes

DEEP = 100_000
PLAIN = b"func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"

# Every way to nest that was found to kill the native parser when it is deep enough.
HOSTILE = {
    "regions": b"module {" * DEEP + b"}" * DEEP,
    "function_types": b"func.func private @f() -> " + b"(" * DEEP + b")" * DEEP,
    "types": b"func.func private @f(%a: " + b"tuple<" * DEEP + b"i32" + b">" * DEEP + b")",
    "attributes": b"module attributes {a = " + b"[" * DEEP + b"]" * DEEP + b"} {}",
    "prefix_operators": b"module attributes {a = affine_map<(d0) -> (" + b"-" * DEEP + b"d0)>} {}",
    "binary_operators": b"module attributes {a = affine_map<(d0) -> (" + b"d0+" * DEEP + b"d0)>} {}",
    "type_aliases": b"!t0 = i32\n"
    + b"".join(b"!t%d = tuple<!t%d>\n" % (i + 1, i) for i in range(DEEP))
    + b"func.func private @f(%%a: !t%d)" % DEEP,
    "location_aliases": b"module {} loc(#loc%d)\n" % DEEP
    + b'#loc0 = loc("a")\n'
    + b"".join(b'#loc%d = loc(callsite("a" at #loc%d))\n' % (i + 1, i) for i in range(DEEP)),
    "behind_closing_strings": b'module attributes {a = "'
    + b"]" * DEEP
    + b'", b = '
    + b"[" * DEEP
    + b"]" * DEEP
    + b"} {}",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_deep_nesting_is_refused(kind: str) -> None:
    with pytest.raises(OxideError, match=rf"^{kind}: "):
        check_module_bytes(HOSTILE[kind], kind)


def test_deep_bytecode_is_refused() -> None:
    context = make_context()
    depth = sandbox.MAX_REGION_DEPTH + 1
    module = parse_module("module {" * (depth + 1) + "}" * (depth + 1), context)
    stream = io.BytesIO()
    module.operation.write_bytecode(stream)
    with pytest.raises(OxideError, match=rf"nested {depth} levels deep"):
        check_module_bytes(stream.getvalue(), "deep")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty input"),
        (b" \n\t", "empty input"),
        (b"\x08\x09\x00\x12", "neither MLIR text nor MLIR bytecode"),
        (b"ML\xefR", "not a valid MLIR module"),
        (b"ML\xefR" + bytes(50), "not a valid MLIR module"),
    ],
)
def test_foreign_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(OxideError, match=message):
        check_module_bytes(data, "input")


def test_plain_text_needs_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("started a child"))
    check_module_bytes(PLAIN, "input")
    check_module_bytes(b"func.func @main( {", "input")  # the caller's parse locates this error
    traced = PLAIN + b" loc(#loc2)\n" + b'#loc1 = loc("a")\n#loc2 = loc(callsite("b" at #loc1))\n'
    check_module_bytes(traced, "input")


def test_a_child_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_CPU_SECONDS", 1)
    # Written out, the last of these types has 2^60 parts; printing it never ends.
    aliases = b"".join(b"!t%d = tuple<!t%d, !t%d>\n" % (i + 1, i, i) for i in range(60))
    with pytest.raises(OxideError, match=r"too long|more than 1 s|too much memory"):
        check_module_bytes(b"!t0 = i32\n" + aliases + b"func.func private @f(%a: !t60)", "input")


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"", 0),
        (b"()", 1),
        (b"([()])", 2),
        (b"<<>>{}", 2),
        (b"(a) -> ((b) -> c)", 2),
        (b'"(((" // ((((\n(', 1),
        (b'"\\"(((" (', 1),
        (b"))))((", 2),
    ],
)
def test_bracket_depth(text: bytes, depth: int) -> None:
    assert bracket_depth(text) == depth
