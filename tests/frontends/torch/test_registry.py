"""The registry refuses what would let an argument be ignored."""

from __future__ import annotations

import pytest

from oxide.frontends.torch import ops  # noqa: F401
from oxide.frontends.torch.registry import REGISTRY, elementwise, lowering


@pytest.fixture
def without_lowerings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators that the tests register again have no lowering yet."""
    for name in ("aten.celu.default", "aten.diagonal.default"):
        monkeypatch.delitem(REGISTRY, name, raising=False)


def test_a_second_lowering_is_refused():
    with pytest.raises(ValueError, match=r"aten\.softmax\.int is registered twice"):
        lowering("aten.softmax.int")(lambda node, self, dim, dtype=None: self)


@pytest.mark.usefixtures("without_lowerings")
def test_an_argument_that_is_not_named_is_refused():
    with pytest.raises(ValueError, match=r"the lowering of aten\.celu\.default ignores alpha"):
        lowering("aten.celu.default")(lambda node, self: self)


@pytest.mark.usefixtures("without_lowerings")
def test_a_parameter_the_schema_lacks_is_refused():
    with pytest.raises(ValueError, match="has no argument axis"):
        lowering("aten.celu.default")(lambda node, self, axis, alpha: self)


@pytest.mark.usefixtures("without_lowerings")
def test_a_view_must_say_so():
    with pytest.raises(ValueError, match=r"aliases its argument"):
        lowering("aten.diagonal.default")(lambda node, self, offset, dim1, dim2: self)


def test_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match=r"there is no operator aten\.sofmax\.int"):
        lowering("aten.sofmax.int")(lambda node, self: self)


def test_an_elementwise_row_names_all_arguments():
    with pytest.raises(ValueError, match=r"does not take \['alpha'\]"):
        elementwise("aten.celu.default", lambda x: x)
