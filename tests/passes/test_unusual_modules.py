"""Every pass takes an unusual module or refuses it, and breaks none."""

import pytest
from pass_variants import VARIANTS
from soundness import after
from unusual_modules import MODULES

from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.passes.assign_buffers import AssignBuffers
from oxide.passes.base import PassLog
from oxide.passes.catalog import REGISTRY
from oxide.passes.manager import run_pipeline

# What has no buffers is refused by name.
WITHOUT_BUFFERS = {
    "dynamic shapes": "has no size known at compile time",
    "dynamic results": "has no size known at compile time",
    "quantised products": "has no numpy counterpart",
    "empty": "no @main",
    "no main": "no @main",
}


@pytest.mark.parametrize("name", MODULES)
def test_passes_take_or_refuse_the_module(name):
    module = parse_module(MODULES[name])
    before = str(module)
    for pipeline in VARIANTS:
        changed = after(module, pipeline)
        assert changed is None or changed.operation.verify()
        if changed is not None and name == "unknown operations":
            assert "foo.bar" in str(changed)
    assert str(module) == before


@pytest.mark.parametrize("name", ["simplify", "raise"])
def test_quantised_numbers_are_left_with_a_remark(name):
    module, log = parse_module(MODULES["quantised products"]), PassLog()
    before = str(module)
    REGISTRY[name]().run(module, log)
    assert str(module) == before
    (remark,) = log.remarks
    assert "stablehlo.uniform_quantize is of quantised numbers" in remark.message
    assert ":" in remark.location


@pytest.mark.parametrize("name", WITHOUT_BUFFERS)
def test_what_has_no_buffers_is_said(name):
    with pytest.raises(OxideError, match=WITHOUT_BUFFERS[name]):
        AssignBuffers().run(parse_module(MODULES[name]), PassLog())


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ("canonicalise", "did you mean canonicalize"),
        ("canonicalize{fold-limits=3}", "did you mean fold-limit"),
        ("canonicalize{fold-limit=many}", "takes int, not 'many'"),
        ("simplify{layout=hwcn}", "keep | nchw | nhwc | auto"),
        ("cse{fast}", "has no option fast; it takes none"),
        ("dce{", "not closed"),
    ],
)
def test_unknown_passes_and_options_are_said_with_what_there_is(pipeline, said):
    with pytest.raises(OxideError) as raised:
        run_pipeline(parse_module(""), pipeline)
    assert said in str(raised.value)
