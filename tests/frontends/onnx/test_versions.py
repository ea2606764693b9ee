"""The operator versions without official cases, each against onnxruntime or numpy."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto
from onnx_builders import import_and_run
from onnx_oracle import check, one_node
from onnx_versions import CASES, VersionCase

from oxide import OxideError, import_onnx
from oxide.frontends.onnx.registry import REGISTRY

EACH = [
    pytest.param(case, version, id=f"{case.op_type}-{version}-{number}")
    for number, case in enumerate(CASES)
    for version in case.versions
]


def build(case: VersionCase, version: int) -> ModelProto:
    proto = one_node(
        case.op_type,
        case.inputs,
        case.outputs,
        weights=case.weights,
        opset=20 if case.domain else version,
        domain=case.domain,
        **case.attributes,
    )
    for entry in proto.opset_import:
        if entry.domain == case.domain:
            entry.version = version
    return proto


@pytest.mark.parametrize(("case", "version"), EACH)
def test_version(case: VersionCase, version: int) -> None:
    assert (case.domain, case.op_type, version) in REGISTRY
    proto, inputs = build(case, version), list(case.inputs.values())
    if case.refused:
        with pytest.raises(OxideError, match=case.refused):
            import_onnx(proto)
    elif case.expected is None:
        check(proto, *inputs)
    else:
        (result,) = import_and_run(proto, *inputs)
        wanted = case.expected(*inputs, *case.weights.values())
        assert np.asarray(result).dtype == wanted.dtype
        np.testing.assert_allclose(np.asarray(result), wanted, rtol=1e-5, atol=1e-6)
