"""The pipeline grammar: what is printed reads back as the same pipeline, and mistakes are explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import OxideError
from oxide.passes.base import REGISTRY, Pass, option, register
from oxide.passes.manager import check_native_options
from oxide.passes.native import NATIVE_PASSES
from oxide.passes.pipeline import MODULE, Item, NativePass, OnFunctions, Pipeline, parse_pipeline
from oxide.passes.pipelines import PIPELINES


@dataclass(frozen=True)
class Everything(Pass):
    """Every kind of option."""

    name = "test-everything"
    flag: bool = option(False, "a boolean")
    max_ops: int = option(4, "an integer")
    ratio: float = option(0.5, "a number")
    label: str = option("", "a string")
    mode: Literal["loop", "input"] = option("loop", "one of two")
    sizes: tuple[int, ...] = option((), "integers")
    names: tuple[str, ...] = option(("a",), "strings")


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    register(Everything)
    yield
    del REGISTRY[Everything.name]


everything = st.builds(
    Everything,
    flag=st.booleans(),
    max_ops=st.integers(),
    ratio=st.floats(allow_nan=False),
    label=st.text(),
    mode=st.sampled_from(["loop", "input"]),
    sizes=st.lists(st.integers()).map(tuple),
    names=st.lists(st.text()).map(tuple),
)
native_options = st.sampled_from(["", "target=1.0.0", "types=tensor<2xf32>,tensor<i1>", "a={b=c d} e='x } y'"])
native = st.builds(NativePass, st.sampled_from(sorted(NATIVE_PASSES.keys() - REGISTRY.keys())), native_options)
on_functions = st.builds(
    OnFunctions,
    st.lists(native.filter(lambda item: NATIVE_PASSES[item.name].anchor != MODULE)).map(tuple),
)
items: st.SearchStrategy[Item] = st.one_of(everything, native, on_functions)


@given(st.lists(items).map(tuple))
def test_what_is_printed_reads_back(passes: tuple[Item, ...]) -> None:
    pipeline = Pipeline(passes)
    assert parse_pipeline(str(pipeline)) == pipeline


def test_defaults_are_not_printed() -> None:
    assert str(Pipeline((Everything(max_ops=4, label="x y"),))) == ('builtin.module(test-everything{label="x y"})')


@pytest.mark.parametrize(
    "text",
    [
        "test-everything{max-ops=8 flag},symbol-dce",
        "builtin.module(test-everything{flag=true max-ops=8},symbol-dce)",
        " builtin.module ( test-everything { flag=1\n max-ops=8 } , symbol-dce ) ",
    ],
)
def test_spellings_of_one_pipeline(text: str) -> None:
    first, second = parse_pipeline(text).items
    assert first == Everything(flag=True, max_ops=8)
    assert str(second) == "symbol-dce"


def test_lists_take_commas_quotes_and_repetition() -> None:
    pipeline = parse_pipeline("""test-everything{sizes=1,2 sizes=3 names="a,b",c,'d e'}""")
    assert pipeline.items == (Everything(sizes=(1, 2, 3), names=("a,b", "c", "d e")),)


def test_function_passes_run_on_functions_wherever_they_are_named() -> None:
    pipeline = parse_pipeline("chlo-legalize-to-stablehlo,func.func(trivial-dce),trivial-dce")
    assert [str(step) for step in pipeline.steps()] == [
        "func.func(chlo-legalize-to-stablehlo)",
        "func.func(trivial-dce)",
        "trivial-dce",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test-everythin", "did you mean test-everything"),
        ("qqqq", "unknown pass qqqq; Oxide's own are .*test-everything"),
        ("test-everything{max-op=1}", "no option max-op; did you mean max-ops"),
        ("test-everything{zzz=1}", "no option zzz; its options are flag, max-ops"),
        ("test-everything{max-ops=many}", "option max-ops .* takes int, not 'many'"),
        ("test-everything{max-ops=1.5}", "takes int"),
        ("test-everything{max-ops}", "needs a value"),
        ("test-everything{flag=maybe}", "takes bool"),
        ("test-everything{mode=output}", r"takes loop \| input"),
        ("test-everything{max-ops=1 max-ops=2}", "given twice"),
        ("test-everything{=2}", "no option name"),
        ("test-everything{label='x}", "not closed"),
        ("test-everything{", "column 16: '{' is not closed"),
        ("builtin.module(sccp", "column 20: expected ',' or '\\)'"),
        ("sccp sccp", "column 6: expected ',' or the end"),
        ("sccp,,sccp", "column 6: expected the name of a pass"),
        ("func.func(test-everything)", "test-everything runs on the whole module"),
        ("func.func(stablehlo-refine-shapes)", "runs on the whole module"),
        ("func.func(" * 100_000, "cannot be nested"),
        ("scf.for(sccp)", "scf.for cannot be nested"),
        ("default{x=1}", "takes no options"),
    ],
)
def test_mistakes_are_explained(text: str, message: str) -> None:
    with pytest.raises(OxideError, match=message):
        parse_pipeline(text)


@given(st.text(alphabet="abc-{}()=,\"'\\ \n", max_size=30), st.sampled_from(["", "test-everything{", "func.func("]))
def test_any_text_is_read_or_refused(text: str, start: str) -> None:
    with suppress(OxideError):
        parse_pipeline(start + text)


def test_native_options_are_checked_without_running() -> None:
    with pytest.raises(OxideError, match="no such option zzz"):
        check_native_options(parse_pipeline("vhlo-to-version{zzz=1}"), make_context())


@pytest.mark.parametrize("name", sorted(NATIVE_PASSES))
def test_every_native_pass_exists_where_the_table_says(name: str) -> None:
    anchor = NATIVE_PASSES[name].anchor
    check_native_options(Pipeline((NativePass(name),)), make_context())
    if anchor != MODULE:
        check_native_options(Pipeline((OnFunctions((NativePass(name),)),)), make_context())


@pytest.mark.parametrize("name", sorted(PIPELINES))
def test_every_named_pipeline_stands_for_known_passes(name: str) -> None:
    assert parse_pipeline(name).items == parse_pipeline(PIPELINES[name].text).items


def test_a_second_pass_of_one_name_is_refused() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        register(Everything)


def test_an_option_of_another_type_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd(Pass):
        """A pass whose option cannot be written."""

        name = "test-odd"
        table: dict = option(None, "not writable")  # noqa: RUF009

    with pytest.raises(ValueError, match="cannot be written"):
        register(Odd)
