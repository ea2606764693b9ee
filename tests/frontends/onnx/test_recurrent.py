"""RNN, GRU and LSTM against onnxruntime: directions, lengths, activations, what may be absent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx_builders import import_and_run
from onnx_oracle import check, one_node

from oxide.dialects.diagnostics import OxideError

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, INPUTS, HIDDEN = 4, 3, 2, 5


def recurrent(
    op_type: str,
    *,
    direction: str = "forward",
    lengths: list[int] | None = None,
    bias: bool = True,
    initial: bool = True,
    peepholes: bool = False,
    outputs: tuple[int, ...] = (0, 1, 2),
    **attributes: Any,
) -> tuple[Any, np.ndarray]:
    """A one-node model and its input; everything but x is a weight."""
    random = np.random.default_rng(7)
    directions = 2 if direction == "bidirectional" else 1
    rows = GATES[op_type] * HIDDEN

    def normal(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.5).astype(np.float32)

    weights = {"w": normal(directions, rows, INPUTS), "r": normal(directions, rows, HIDDEN)}
    optional = {
        "b": normal(directions, 2 * rows) if bias else None,
        "lengths": None if lengths is None else np.array(lengths, np.int32),
        "h": normal(directions, BATCH, HIDDEN) if initial else None,
    }
    if op_type == "LSTM":
        optional["c"] = normal(directions, BATCH, HIDDEN) if initial else None
        optional["p"] = normal(directions, 3 * HIDDEN) if peepholes else None
    weights |= {name: array for name, array in optional.items() if array is not None}
    order = ["x", "w", "r", *[name if array is not None else "" for name, array in optional.items()]]
    names = ["y", "y_h", "y_c"][: 3 if op_type == "LSTM" else 2]
    results = [name if i in outputs else "" for i, name in enumerate(names)]
    x = normal(STEPS, BATCH, INPUTS)
    proto = one_node(
        op_type,
        {"x": x},
        results,
        weights=weights,
        order=order,
        opset=14,
        hidden_size=HIDDEN,
        direction=direction,
        **attributes,
    )
    return proto, x


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op_type", GATES)
def test_directions_with_lengths(op_type: str, direction: str) -> None:
    check(*recurrent(op_type, direction=direction, lengths=[4, 1, 3]))


@pytest.mark.parametrize(
    ("op_type", "options"),
    [
        ("RNN", {"bias": False, "initial": False}),
        ("RNN", {"activations": ["ThresholdedRelu"], "activation_alpha": [0.1]}),
        ("RNN", {"activations": ["Elu"], "activation_alpha": [0.5], "direction": "reverse"}),
        ("RNN", {"activations": ["Softplus"], "clip": 0.2}),
        ("RNN", {"outputs": (1,)}),
        ("GRU", {"linear_before_reset": 1, "lengths": [1, 4, 2], "clip": 0.5, "direction": "bidirectional"}),
        ("GRU", {"activations": ["Affine", "LeakyRelu"], "activation_alpha": [0.3, 0.2], "activation_beta": [0.1]}),
        ("GRU", {"bias": False, "outputs": (0,)}),
        ("LSTM", {"peepholes": True, "direction": "bidirectional"}),
        ("LSTM", {"input_forget": 1, "clip": 0.3}),
        (
            "LSTM",
            {
                "activations": ["HardSigmoid", "Softsign", "ScaledTanh"],
                "activation_alpha": [0.3, 1.2],
                "activation_beta": [0.4, 0.7],
            },
        ),
        ("LSTM", {"outputs": (2,), "initial": False}),
    ],
)
def test_attributes_and_absent_operands(op_type: str, options: dict[str, Any]) -> None:
    check(*recurrent(op_type, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activations": ["Swish"]}, "activation 'Swish' is none of"),
        ({"activations": ["Tanh", "Tanh", "Tanh"]}, "3 activations"),
        ({"direction": "sideways"}, "direction is 'sideways'"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    proto, x = recurrent("RNN", **options)
    with pytest.raises(OxideError, match=message):
        import_and_run(proto, x)
