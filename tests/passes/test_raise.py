"""The raise pass: every spelling becomes its composite, near misses stay, and values are the same."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from raise_oracle import FLAT, LOWERED, check, composites_of, module_of, names_of, of_jax, raised, run
from random_programs import random_program
from reference_interpreter import evaluate
from torch_oracle import Function

from oxide.dialects import hlo
from oxide.dialects.composites import attributes_of
from oxide.dialects.context import parse_module
from oxide.frontends.torch import import_torch

# ------------------------------------------------------------------------------------- there and back again

X, ROW = (2, 3, 8), (8,)
HEADS, SHARED = (2, 4, 5, 8), (2, 2, 6, 8)
ROUND_TRIPS: list[tuple[str, list[tuple[int, ...]], dict]] = [
    ("softmax", [X], {"axis": 2}),
    ("softmax", [X], {"axis": 0}),
    ("log_softmax", [X], {"axis": 1}),
    ("logsumexp", [X], {"axis": 1}),
    ("logsumexp", [(1, 4, 1)], {"axis": 1}),
    ("gelu", [X], {"approximate": "none"}),
    ("gelu", [X], {"approximate": "tanh"}),
    ("silu", [X], {}),
    ("mish", [X], {}),
    ("hard_swish", [X], {}),
    ("layer_norm", [X, ROW, ROW], {"axes": (2,), "epsilon": 1e-5}),
    ("layer_norm", [X, (3, 8), (3, 8)], {"axes": (1, 2), "epsilon": 1e-12}),
    ("layer_norm", [X, ROW], {"axes": (2,), "epsilon": 1e-6}),
    ("layer_norm", [(1, 1, 8), ROW, ROW], {"axes": (2,), "epsilon": 1e-6}),
    ("rms_norm", [X, ROW], {"axes": (2,), "epsilon": 1e-6}),
    ("rms_norm", [X, (3,)], {"axes": (1,), "epsilon": 0.25}),
    ("group_norm", [(2, 4, 3, 3), (4,), (4,)], {"groups": 2, "epsilon": 1e-5}),
    ("batch_norm", [(2, 4, 3, 3), *[(4,)] * 4], {"axis": 1, "epsilon": 1e-5}),
    ("batch_norm", [(2, 3, 4), *[(4,)] * 4], {"axis": 2, "epsilon": 1e-3}),
    ("rotary", [HEADS, (1, 1, 5, 8), (1, 1, 5, 8)], {"interleaved": False}),
    ("rotary", [HEADS, (1, 1, 5, 4), (1, 1, 5, 4)], {"interleaved": False}),
    ("rotary", [HEADS, (2, 1, 5, 8), (2, 1, 5, 8)], {"interleaved": True}),
    ("rotary", [HEADS, (1, 4, 1, 4), (1, 4, 1, 4)], {"interleaved": True}),
    ("cumulative", [X], {"kind": "add", "axis": 2, "reverse": False}),
    ("cumulative", [X], {"kind": "multiply", "axis": 1, "reverse": True}),
    ("cumulative", [X], {"kind": "max", "axis": 0, "reverse": True}),
    ("cumulative", [X], {"kind": "min", "axis": 2, "reverse": False}),
    ("attention", [HEADS] * 3, {"scale": 0.25, "causal": False}),
    ("attention", [HEADS] * 3, {"scale": 0.25, "causal": True}),
    ("attention", [HEADS, SHARED, SHARED], {"scale": 0.5, "causal": False}),
    ("attention", [HEADS, SHARED, SHARED], {"scale": 0.5, "causal": True}),
    ("attention", [HEADS, SHARED, SHARED, (2, 1, 1, 6)], {"scale": 0.5, "causal": False}),
]
# Composites that stay in half precision only where the source rounds where they do.
HALF = [case for case in ROUND_TRIPS if case[0] not in ("batch_norm",)]


@pytest.mark.parametrize(("name", "shapes", "attributes"), ROUND_TRIPS)
def test_a_decomposition_is_raised_to_what_it_was(name: str, shapes: list, attributes: dict) -> None:
    module = check(module_of(name, [(shape, "float32") for shape in shapes], attributes), [name])
    assert attributes_of(composites_of(module)[0]) == attributes


@pytest.mark.parametrize(("name", "shapes", "attributes"), HALF)
def test_half_precision_is_raised_to_what_it_was(name: str, shapes: list, attributes: dict) -> None:
    module = check(module_of(name, [(shape, "float16") for shape in shapes], attributes), [name], rtol=4e-3)
    (op,) = composites_of(module)
    assert hlo.dtype(op.results[0]) == np.float16


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f32", "i8"])
def test_one_hot_is_raised_to_what_it_was(axis: int, dtype: str) -> None:
    attributes = {"depth": 2, "axis": axis, "dtype": dtype}
    module = check(module_of("one_hot", [((1, 3), "int32")], attributes), ["one_hot"], rtol=0)
    assert attributes_of(composites_of(module)[0]) == attributes


@pytest.mark.parametrize("causal", [False, True])
def test_attention_with_a_bool_mask_is_raised_to_what_it_was(causal: bool) -> None:
    types = [(HEADS, "float32"), (SHARED, "float32"), (SHARED, "float32"), ((2, 1, 5, 6), "bool")]
    module = check(module_of("attention", types, {"scale": 0.5, "causal": causal}), ["attention"])
    (op,) = composites_of(module)
    assert attributes_of(op) == {"scale": 0.5, "causal": causal}
    assert [hlo.shape(v) for v in op.operands] == [shape for shape, _ in types]


# ------------------------------------------------------------------------------------------------ spellings


def turn(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    a, b = jnp.split(x, 2, 1)
    return jnp.concatenate([cos * a - sin * b, cos * b + sin * a], 1)


def turn_by_complex(x: jax.Array, turns: jax.Array) -> jax.Array:
    turned = jax.lax.complex(x[:, ::2], x[:, 1::2]) * turns
    return jnp.stack([turned.real, turned.imag], -1).reshape(x.shape)


def moving_sum(x: jax.Array, size: int, before: int, after: int, start: float = 0) -> jax.Array:
    return jax.lax.reduce_window(x, start, jax.lax.add, (1, size), (1, 1), [(0, 0), (before, after)])


SPELLINGS: dict[str, tuple[str, Callable]] = {
    "softmax by inverse": (
        "softmax",
        lambda x: (e := jnp.exp(x - x.max(1, keepdims=True))) * (1 / e.sum(1, keepdims=True)),
    ),
    "jax.nn.softmax": ("softmax", lambda x: jax.nn.softmax(x, axis=0)),
    "jax.nn.log_softmax": ("log_softmax", lambda x: jax.nn.log_softmax(x, axis=1)),
    "jax.nn.logsumexp": ("logsumexp", lambda x: jax.nn.logsumexp(x, 1)),
    "logsumexp keepdims": ("logsumexp", lambda x: jax.nn.logsumexp(x, 1, keepdims=True)),
    "jax.nn.gelu": ("gelu", jax.nn.gelu),
    "jax.nn.gelu erf": ("gelu", lambda x: jax.nn.gelu(x, approximate=False)),
    "gelu by division": ("gelu", lambda x: x * (1 + jax.lax.erf(x / math.sqrt(2))) / 2),
    "gelu half outside": ("gelu", lambda x: 0.5 * (x * (1 + jax.lax.erf(x * math.sqrt(0.5))))),
    "gelu distributed": ("gelu", lambda x: 0.5 * x + 0.5 * x * jax.lax.erf(x / math.sqrt(2))),
    "gelu power": ("gelu", lambda x: 0.5 * x * (1 + jnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3.0)))),
    "gelu factored": ("gelu", lambda x: x * 0.5 * (1 + jnp.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))),
    "gelu of a scaled": ("gelu", lambda x: jax.nn.gelu(x * 0.3, approximate=False)),
    "silu by division": ("silu", lambda x: x / (1 + jnp.exp(-x))),
    "jax.nn.silu": ("silu", jax.nn.silu),
    "jax.nn.mish": ("mish", jax.nn.mish),
    "mish by log1p": ("mish", lambda x: x * jnp.tanh(jnp.log1p(jnp.exp(x)))),
    "jax.nn.hard_swish": ("hard_swish", jax.nn.hard_swish),
    "hard_swish by hard_sigmoid": ("hard_swish", lambda x: x * jnp.clip(x / 6 + 0.5, 0, 1)),
    "layer norm by division": (
        "layer_norm",
        lambda x: (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, keepdims=True) + 1e-5) * x[0] + x[1],
    ),
    "layer norm without weights": (
        "layer_norm",
        lambda x: (x - x.mean(1, keepdims=True)) * jax.lax.rsqrt(x.var(1, keepdims=True) + 1e-5),
    ),
    "rms norm": ("rms_norm", lambda x: x[0] * (x * jax.lax.rsqrt((x * x).mean(1, keepdims=True) + 1e-6))),
    "rotary of the first elements": (
        "rotary",
        lambda x: turn(x[:, :4], x[:1, :2], x[1:2, :2]),
    ),
    "rotary by complex numbers": (
        "rotary",
        lambda x: turn_by_complex(x, jax.lax.complex(jnp.cos(x[:1, :4]), jnp.sin(x[:1, :4]))),
    ),
    "rotary by a complex table": ("rotary", lambda x: turn_by_complex(x, jnp.exp(1j * x[:1, 4:]))),
    "running sum before each": ("cumulative", lambda x: moving_sum(x, 8, 8, -1)),
    "running sum after each": ("cumulative", lambda x: moving_sum(x, 8, -1, 8)),
    "rows of the identity": ("one_hot", lambda x: jnp.eye(3)[(x * 4).astype(int)]),
    "one-hot": ("one_hot", lambda x: jax.nn.one_hot(x.astype(int), 6)),
    "one-hot in front": ("one_hot", lambda x: (jnp.arange(6)[:, None] == x.astype(int)[0]).astype(x.dtype)),
    "batch norm": (
        "batch_norm",
        lambda x: (x - x[0]) / jnp.sqrt(jnp.abs(x[1]) + 1e-3) * x[2] + x[3],
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling(spelling: str) -> None:
    name, function = SPELLINGS[spelling]
    check(of_jax(function, np.zeros((4, 8), np.float32)), [name])


NEAR_MISSES: dict[str, tuple[str, Callable]] = {
    "no maximum": ("subtracts the maximum", lambda x: jnp.exp(x) / jnp.exp(x).sum(1, keepdims=True)),
    "another maximum": (
        "the maximum is taken along",
        lambda x: (e := jnp.exp(x - x.max())) / e.sum(1, keepdims=True),
    ),
    "axes apart": (
        "goes along one axis or several side by side",
        lambda x: jax.nn.softmax(x.reshape(4, 2, 4), axis=(0, 2)),
    ),
    "infinite maximum": (
        "a maximum that is infinite",
        lambda x: jnp.log(jnp.exp(x - x.max(1, keepdims=True)).sum(1)) + x.max(1),
    ),
    "quick gelu": ("under its exponential are -1.70200002, silu has -1", lambda x: x * jax.lax.logistic(1.702 * x)),
    "cubic constant": (
        "the coefficients under its tanh",
        lambda x: 0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.0447 * x * x * x))),
    ),
    "erf constant": ("the coefficients under its erf", lambda x: 0.5 * x * (1 + jax.lax.erf(x * 0.7071))),
    "gelu without half": ("", lambda x: x * (1 + jax.lax.erf(x / math.sqrt(2)))),
    "silu of another": ("", lambda x: x[:2] * jax.lax.logistic(x[2:])),
    "hard swish bounds": ("", lambda x: x * jnp.clip(x + 3, 0, 5) / 6),
    "unbiased variance": (
        "",
        lambda x: (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, ddof=1, keepdims=True) + 1e-5),
    ),
    "epsilon outside": (
        "",
        lambda x: (x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + 1e-5),
    ),
    "variance of another": (
        "",
        lambda x: (x[:2] - x[:2].mean(1, keepdims=True)) / jnp.sqrt(x[2:].var(1, keepdims=True) + 1e-5),
    ),
    "times the deviation": ("", lambda x: (x - x[0]) * jnp.sqrt(x[1] + 1e-3) * x[2] + x[3]),
    "turned back": ("", lambda x: jnp.concatenate([x[:, :4] * x[:1, :4] + x[:, 4:] * x[1:2, :4], x[:, 4:]], 1)),
    "turned by the conjugate": (
        "",
        lambda x: jnp.stack([(z := jax.lax.complex(x[:, ::2], x[:, 1::2]) * x[:1, :4]).imag, z.real], -1).reshape(
            x.shape
        ),
    ),
    "rows of another matrix": ("", lambda x: jnp.eye(3)[::-1][x.astype(int)]),
    "turned by two sines": (
        "",
        lambda x: jnp.concatenate(
            [x[:, :4] * x[0, :4] - x[:, 4:] * x[1, :4], x[:, :4] * x[2, :4] + x[:, 4:] * x[0, :4]], 1
        ),
    ),
    "halves exchanged": ("", lambda x: turn(jnp.roll(x, 4, 1), x[:1, :4], x[1:2, :4])),
    "indices from one": ("", lambda x: (x.astype(int)[0, :, None] == jnp.arange(1, 7)).astype(x.dtype)),
    "all but one": ("", lambda x: (x.astype(int)[0, :, None] != jnp.arange(6)).astype(x.dtype)),
    "one-hot of floats": ("", lambda x: (x[0, :, None] == jnp.arange(6.0)).astype(x.dtype)),
    "equal bools": ("", lambda x: ((x[0] > 0)[:, None] == np.array([False, True])).astype(x.dtype)),
    "any before": (
        "",
        lambda x: jax.lax.reduce_window(x > 0, False, jax.lax.bitwise_or, (1, 8), (1, 1), [(0, 0), (7, 0)]),
    ),
    "sum of some before": ("", lambda x: moving_sum(x, 7, 6, 0)),
    "sum from one": ("starts at 1.0", lambda x: moving_sum(x, 8, 7, 0, 1.0)),
    "used elsewhere": (
        "which is used elsewhere",
        lambda x: ((e := jnp.exp(x - x.max(1, keepdims=True))) / e.sum(1, keepdims=True), e),
    ),
}


@pytest.mark.parametrize("miss", NEAR_MISSES)
def test_near_miss_stays(miss: str) -> None:
    reason, function = NEAR_MISSES[miss]
    module = run(FLAT, of_jax(function, np.zeros((4, 8), np.float32)))
    before = str(module)
    log = raised(module)
    assert str(module) == before
    assert reason in " / ".join(remark.message for remark in log.remarks if "rewritten" not in remark.message)
    assert bool(reason) == bool(log.remarks)


# ------------------------------------------------------------------------------------------------ attention


def attend(q, k, v, change=lambda s: s, after=lambda w: w):
    return after(jax.nn.softmax(change(jnp.einsum("bhld,bhsd->bhls", q, k)), axis=-1)) @ v


def attend_in_lengths(q, k, v):
    weights = jax.nn.softmax(jnp.einsum("blhd,bshd->bhls", q, k) / math.sqrt(8), axis=-1)
    return jnp.einsum("bhls,bshd->blhd", weights, v)


TRIANGLE = np.tri(5, dtype=bool)
ATTENTION: dict[str, tuple[dict, int, Callable]] = {
    "no mask": ({"scale": 1.0, "causal": False}, 3, attend),
    "scaled scores": ({"scale": 0.5, "causal": False}, 3, lambda q, k, v: attend(q, k, v, lambda s: s * 0.5)),
    "divided scores": ({"scale": 0.25, "causal": False}, 3, lambda q, k, v: attend(q, k, v, lambda s: s / 4)),
    "scaled query": ({"scale": 0.5, "causal": False}, 3, lambda q, k, v: attend(q * 0.5, k, v)),
    "both scaled": ({"scale": 0.125, "causal": False}, 3, lambda q, k, v: attend(q * 0.5, k * 0.25, v)),
    "lengths first": ({"scale": 1 / math.sqrt(8), "causal": False}, 3, attend_in_lengths),
    "added mask": (
        {"scale": 1.0, "causal": False},
        4,
        lambda q, k, v: attend(q, k, v, lambda s: s + q[:, :1, :1, :5]),
    ),
    "causal": (
        {"scale": 1.0, "causal": True},
        3,
        lambda q, k, v: attend(q, k, v, lambda s: jnp.where(TRIANGLE, s, -jnp.inf)),
    ),
    "causal by what is masked": (
        {"scale": 1.0, "causal": True},
        3,
        lambda q, k, v: attend(q, k, v, lambda s: jnp.where(~TRIANGLE, -jnp.inf, s)),
    ),
    "causal of a large number": (
        {"scale": 1.0, "causal": True},
        3,
        lambda q, k, v: attend(q, k, v, lambda s: jnp.where(TRIANGLE, s, -0.7 * float(np.finfo(np.float32).max))),
    ),
    "constant mask": (
        {"scale": 1.0, "causal": False},
        4,
        lambda q, k, v: attend(q, k, v, lambda s: jnp.where(~np.eye(5, dtype=bool), s, -jnp.inf)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", ATTENTION)
def test_attention(spelling: str) -> None:
    attributes, operands, function = ATTENTION[spelling]
    q = np.zeros((2, 5, 5, 8) if spelling == "lengths first" else (2, 4, 5, 8), np.float32)
    module = check(of_jax(function, q, q, q), ["attention"])
    (op,) = composites_of(module)
    assert attributes_of(op)["causal"] is attributes["causal"]
    assert attributes_of(op)["scale"] == pytest.approx(attributes["scale"], rel=1e-7)
    assert len(op.operands) == operands


NO_ATTENTION: dict[str, tuple[str, Callable]] = {
    "a mild mask": (
        "other scores may fall below",
        lambda q: attend(q, q, q, lambda s: jnp.where(TRIANGLE, s, -10000.0)),
    ),
    "scores squashed": ("", lambda q: attend(q, q, q, jax.nn.sigmoid)),
    "weights scaled": ("", lambda q: attend(q, q, q, after=lambda w: w * 0.9)),
}


@pytest.mark.parametrize("miss", NO_ATTENTION)
def test_other_attention_stays(miss: str) -> None:
    reason, function = NO_ATTENTION[miss]
    module = run(FLAT, of_jax(function, np.zeros((2, 4, 5, 8), np.float32)))
    log = raised(module)
    assert names_of(module) == ["softmax"]
    assert any(reason in remark.message for remark in log.remarks)


# ------------------------------------------------------------------------------- PyTorch after run_decompositions

IMAGE, CHANNEL = torch.rand(2, 4, 3, 3), torch.rand(4)
TOKENS, WIDTH = torch.rand(2, 3, 8), torch.rand(8)
Q, KEYS = torch.rand(2, 4, 5, 8), torch.rand(2, 2, 5, 8)
DECOMPOSED: dict[str, tuple[str, Callable, tuple[torch.Tensor, ...]]] = {
    "mish": ("mish", F.mish, (TOKENS,)),
    "hardswish": ("hard_swish", F.hardswish, (TOKENS,)),
    "silu": ("silu", F.silu, (TOKENS,)),
    "logsumexp": ("logsumexp", lambda x: torch.logsumexp(x, -1), (TOKENS,)),
    "rms_norm": ("rms_norm", lambda x, w: F.rms_norm(x, (8,), w, 1e-6), (TOKENS, WIDTH)),
    "group_norm": ("group_norm", lambda x, w: F.group_norm(x, 2, w, w), (IMAGE, CHANNEL)),
    "sdpa": ("attention", lambda q: F.scaled_dot_product_attention(q, q, q), (Q,)),
    "causal": ("attention", lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True), (Q,)),
    "bool mask": ("attention", F.scaled_dot_product_attention, (Q, Q, Q, torch.rand(2, 1, 5, 5) > 0.3)),
    "padding": (
        "attention",
        lambda q, p: F.scaled_dot_product_attention(q, q, q, torch.zeros(2, 1, 1, 5).masked_fill(p, -math.inf)),
        (Q, torch.rand(2, 1, 1, 5) > 0.6),
    ),
    "grouped": ("attention", lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True), (Q, KEYS)),
}


@pytest.mark.parametrize("name", DECOMPOSED)
def test_pytorch_decomposition(name: str) -> None:
    wanted, function, arguments = DECOMPOSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Function(function), arguments, strict=False).run_decompositions()
    module = check(import_torch(program).module, [wanted])
    (op,) = composites_of(module)
    if wanted == "attention":
        assert attributes_of(op)["causal"] == (name == "causal")
        assert hlo.shape(op.operands[1])[1] == (2 if name == "grouped" else 4)
        assert len(op.operands) == (4 if name in ("bool mask", "padding") else 3)


# ------------------------------------------------------------------------------------------- random programs


@pytest.mark.parametrize("seed", range(10))
def test_random_programs_stay_as_they_are(seed: int) -> None:
    module, arguments = random_program(seed, operations=60)
    wanted = evaluate(module, arguments)
    raised(module)
    found = evaluate(run(LOWERED, module), arguments)
    for old, new in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(new, old)


def test_open_sizes_stay_and_are_no_error() -> None:
    symbolic = jax.export.symbolic_shape("n, 8")
    exported = jax.export.export(jax.jit(jax.nn.softmax))(jax.ShapeDtypeStruct(symbolic, np.float32))
    module = run(FLAT, parse_module(exported.mlir_module()))
    before = str(module)
    raised(module)
    assert str(module) == before


@pytest.mark.parametrize("seed", range(12))
def test_chains_of_spellings_keep_their_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.zeros((4, 8), np.float32)
    same_shape = [key for key, (_, f) in SPELLINGS.items() if jax.eval_shape(f, x).shape == x.shape]
    chosen = [SPELLINGS[same_shape[i]] for i in rng.integers(0, len(same_shape), 4)]

    def chain(x: jax.Array) -> jax.Array:
        for _, function in chosen:
            x = function(x) + 0.25
        return x

    check(of_jax(chain, x), [name for name, _ in chosen], rtol=1e-4)


# -------------------------------------------------------------------------------------------- exported layers


class Layer(torch.nn.Module):
    """A transformer layer in the operations people write it in."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.norm, self.after = heads, torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 32), torch.nn.Linear(32, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.norm(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        kept = torch.tril(torch.ones(length, length, dtype=torch.bool))
        weights = torch.softmax(torch.where(kept, scores, -math.inf), -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.after(x))))


@pytest.mark.parametrize("decomposed", [False, True])
def test_exported_layer(decomposed: bool) -> None:
    program = torch.export.export(Layer().eval(), (torch.rand(2, 5, 16),), strict=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = program.run_decompositions() if decomposed else program
    module = check(import_torch(program).module, ["layer_norm", "attention", "layer_norm", "gelu"])
    assert attributes_of(composites_of(module)[1])["causal"] is True
