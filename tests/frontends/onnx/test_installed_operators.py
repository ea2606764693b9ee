"""Lowerings that installed packages provide."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from onnx_builders import DOMAIN, OPSET, call, import_and_run, model, node, one_call, sample

from oxide import OxideError, import_onnx
from oxide.frontends.onnx import custom
from oxide.frontends.onnx.support import supported_operators

X = sample()


@pytest.fixture
def install(tmp_path, monkeypatch) -> Iterator[Callable[..., None]]:
    """Installs a distribution that provides lowerings: a module's source and the module's value for the domain."""
    monkeypatch.syspath_prepend(tmp_path)
    custom.installed.cache_clear()
    made: list[str] = []

    def add(name: str, source: str, value: str = "LOWERINGS", domain: str = DOMAIN) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        folder: Path = tmp_path / f"{module}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (folder / "entry_points.txt").write_text(f"[oxide.onnx_lowerings]\n{domain} = {module}:{value}\n")
        made.append(module)

    yield add
    custom.installed.cache_clear()
    for module in made:
        sys.modules.pop(module, None)


DOUBLE = "LOWERINGS = {'my.domain.Twice': lambda x: 2 * x}\n"


def test_installed_jax_function(install):
    install("fake-ops", DOUBLE)
    np.testing.assert_array_equal(import_and_run(one_call("Twice"), X)[0], 2 * X)


def test_the_list_of_operators_names_packages(install):
    assert "my.domain.Twice" not in {operator.name for operator in supported_operators()}
    install("fake-ops", DOUBLE)
    found = {operator.name: operator for operator in supported_operators()}
    assert found["my.domain.Twice"].how == "lowering of the package fake-ops 1.2"
    assert found["my.domain.Twice"].versions == (1,)
    assert found["Gemm"].how == "lowering"


def test_installed_lowerings_object(install):
    source = """
import oxide
from oxide.dialects import hlo
LOWERINGS = oxide.OnnxLowerings()

@LOWERINGS.lowering("Scale", domain="my.domain")
def scale(node, x, *, factor: float):
    return hlo.multiply(x, factor)
"""
    install("fake-ops", source)
    np.testing.assert_array_equal(import_and_run(one_call("Scale", factor=4.0), X)[0], 4 * X)


def test_packages_of_one_domain_add_up(install):
    install("first-ops", DOUBLE)
    install("other-ops", "LOWERINGS = {'my.domain.Thrice': lambda x: 3 * x}\n")
    proto = model([call("Twice", ["x"], ["t"]), call("Thrice", ["t"], ["y"])], opsets={DOMAIN: 1})
    np.testing.assert_array_equal(import_and_run(proto, X)[0], 6 * X)


def test_a_function_of_the_model_comes_before_an_installed_lowering(install):
    install("fake-ops", DOUBLE)
    body = helper.make_function(
        DOMAIN, "Twice", ["a"], ["b"], [node("Neg", ["a"], ["b"])], [helper.make_opsetid("", OPSET)]
    )
    proto = model([call("Twice")], opsets={DOMAIN: 1}, functions=[body])
    np.testing.assert_array_equal(import_and_run(proto, X)[0], -X)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module", "the package fake-ops 1.2 does not .*: ModuleNotFoundError: .*no_such_module"),
        ("OTHER = 1", "the package fake-ops 1.2 does not .*: AttributeError: .*LOWERINGS"),
        ("LOWERINGS = 3", "the package fake-ops 1.2 does not .*: TypeError: a int is neither"),
        (
            "LOWERINGS = {'my.domain.Twice': 3}",
            r"fake-ops 1.2 does not .*: TypeError: .*my\.domain\.Twice is no function: 3",
        ),
        ("LOWERINGS = {'your.domain.Twice': abs}", r"fake-ops 1.2 provides your\.domain\.Twice under the entry"),
        ("LOWERINGS = {'my.domain.Twice': lambda x: x @ x}", "JAX cannot trace the function"),
    ],
)
def test_broken_packages_are_named_with_the_node(install, source, message):
    install("fake-ops", source)
    with pytest.raises(OxideError, match=message) as raised:
        import_onnx(one_call("Twice"))
    assert raised.match('"call"')


def test_broken_packages_of_other_domains_do_not_matter(install):
    install("fake-ops", DOUBLE)
    install("broken-ops", "import no_such_module", domain="your.domain")
    np.testing.assert_array_equal(import_and_run(one_call("Twice"), X)[0], 2 * X)


def test_two_packages_with_the_same_operator(install):
    install("first-ops", DOUBLE)
    install("other-ops", DOUBLE)
    with pytest.raises(OxideError, match=r"both the package .* and the package .* lower my\.domain\.Twice-1"):
        import_onnx(one_call("Twice"))


def test_a_package_cannot_replace_oxides_own(install):
    install("fake-ops", "LOWERINGS = {'com.microsoft.FusedMatMul': abs}", domain="com.microsoft")
    proto = model([node("Unheard", ["x"], ["y"], domain="com.microsoft")], opsets={"com.microsoft": 1})
    with pytest.raises(OxideError, match=r"both Oxide itself and the package fake-ops 1\.2 lower"):
        import_onnx(proto)


def test_given_and_installed(install):
    install("fake-ops", DOUBLE)
    with pytest.raises(OxideError, match=r"is given, but the package fake-ops 1\.2 provides one"):
        import_onnx(one_call("Twice"), lowerings={"my.domain.Twice": lambda x: x})
