"""Every way a composite is written, by every exporter and in every float: each is raised, and values stay.

All forms of an origin are results of one program, each of an input of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import onnx.parser
import pytest
import torch
import torch.nn.functional as F
from jaxlib.mlir import ir
from onnx import helper
from onnx_builders import model, value
from raise_oracle import FLAT, evaluated, of_jax, raised, run
from torch_exporters import ROUTES
from torch_oracle import Function

from oxide.dialects.attributes import string
from oxide.frontends.onnx import import_onnx
from oxide.passes.manager import clone_module

DTYPES = ("float16", "bfloat16", "float32", "float64")
IMAGE, TOKENS, WEIGHT = (2, 4, 3, 3), (2, 3, 8), (8,)


def found(module: ir.Module) -> list[list[str]]:
    """The composites that each result of @main is made of."""
    block = module.body.operations[0].regions[0].blocks[0]
    return [composites_above(result) for result in block.operations[len(block.operations) - 1].operands]


def composites_above(result: ir.Value) -> list[str]:
    names, pending = [], [result]
    while pending:
        owner = pending.pop().owner
        if isinstance(owner, ir.Block):
            continue
        pending += owner.operation.operands
        if owner.operation.name == "stablehlo.composite":
            names.append(string(owner.operation, "name").removeprefix("oxide."))
    return names


def check(module: ir.Module, wanted: dict[str, list[str]], dtype: str) -> None:
    """Each result is made of one composite, of the name given, or of none."""
    before = run(FLAT, module)
    after = clone_module(before)
    log = raised(after)
    names = dict(zip(wanted, found(run("dce", after)), strict=True))
    assert names == wanted, [remark.message for remark in log.remarks if "rewritten" not in remark.message]
    # Half precision rounds every step, and not all of them in the same order; results are of the size of 1.
    bound = 16 * float(ml_dtypes.finfo(dtype).eps)
    for form, old, new in zip(wanted, evaluated(before, -4), evaluated(after, -4), strict=True):
        assert old.dtype == new.dtype
        np.testing.assert_allclose(new.astype(float), old.astype(float), rtol=bound, atol=bound, err_msg=form)


# ------------------------------------------------------------------------------------------------ PyTorch

Operator = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def layer_norm(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5) * w + w


def llama_norm(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    wide = x.to(torch.float32) if x.dtype.itemsize < 4 else x
    return w * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def gemma_norm(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    wide = x.float() if x.dtype.itemsize < 4 else x
    normal = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
    return (normal * (1.0 + w.to(wide.dtype))).type_as(x)


def trained_norm(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(x, None, None, w[:4], w[:4], training=True)


TORCH: dict[str, tuple[str, tuple[int, ...], Operator]] = {
    "instance norm": ("group_norm", IMAGE, lambda x, w: F.instance_norm(x, weight=w[:4], bias=w[:4])),
    "group norm": ("group_norm", IMAGE, lambda x, w: F.group_norm(x, 2, w[:4], w[:4])),
    "group norm without weights": ("group_norm", IMAGE, lambda x, w: F.group_norm(x, 2)),
    "group norm of one group": ("group_norm", IMAGE, lambda x, w: F.group_norm(x, 1, w[:4], w[:4])),
    "group norm of every channel": ("group_norm", IMAGE, lambda x, w: F.group_norm(x, 4)),
    "layer norm of the last": ("layer_norm", TOKENS, lambda x, w: F.layer_norm(x[:1, -1:], (8,), w)[:, 0]),
    "batch norm in training": ("batch_norm", IMAGE, trained_norm),
    "layer norm": ("layer_norm", TOKENS, lambda x, w: F.layer_norm(x, (8,), w, w)),
    "layer norm without weights": ("layer_norm", TOKENS, lambda x, w: F.layer_norm(x, (8,))),
    "layer norm by hand": ("layer_norm", TOKENS, layer_norm),
    "rms norm": ("rms_norm", TOKENS, lambda x, w: F.rms_norm(x, (8,), w, 1e-6)),
    "rms norm of Llama": ("rms_norm", TOKENS, llama_norm),
    "rms norm of Gemma": ("rms_norm", TOKENS, gemma_norm),
    "softmax": ("softmax", TOKENS, lambda x, w: F.softmax(x, 1)),
    "softmax of all": ("softmax", TOKENS, lambda x, w: F.softmax(x.flatten(), 0).view(x.shape)),
    "softmax in float32": ("softmax", TOKENS, lambda x, w: F.softmax(x, -1, dtype=torch.float32).to(x.dtype)),
    "log_softmax": ("log_softmax", TOKENS, lambda x, w: F.log_softmax(x, -1)),
    "logsumexp": ("logsumexp", TOKENS, lambda x, w: x.logsumexp(1)),
    "logsumexp of two axes": ("logsumexp", TOKENS, lambda x, w: x.logsumexp((1, 2))),
    "gelu": ("gelu", TOKENS, lambda x, w: F.gelu(x)),
    "gelu by tanh": ("gelu", TOKENS, lambda x, w: F.gelu(x, approximate="tanh")),
    "silu": ("silu", TOKENS, lambda x, w: F.silu(x)),
    "silu by hand": ("silu", TOKENS, lambda x, w: x * torch.sigmoid(x)),
    "mish": ("mish", TOKENS, lambda x, w: F.mish(x)),
    "mish by hand": ("mish", TOKENS, lambda x, w: x * torch.tanh(F.softplus(x))),
    "hard swish": ("hard_swish", TOKENS, lambda x, w: F.hardswish(x)),
    "hard swish by hard sigmoid": ("hard_swish", TOKENS, lambda x, w: x * F.hardsigmoid(x)),
    "hard swish by relu6": ("hard_swish", TOKENS, lambda x, w: x * F.relu6(x + 3) / 6),
}
TORCH_CASES = [("decomposed", dtype) for dtype in DTYPES]
TORCH_CASES += [("torchscript", dtype) for dtype in ("float16", "float32")]
TORCH_CASES += [("dynamo", dtype) for dtype in ("bfloat16", "float64")]
# What an exporter does not know, or writes as an instance norm by weights, which is a layer norm of a single group;
# and what it writes with other constants or with squares that overflow.
ABSENT = {("torchscript", "rms norm"), ("dynamo", "group norm of one group")}
OTHERS = {
    ("decomposed", "float16", "layer norm by hand"),
    ("decomposed", "bfloat16", "layer norm by hand"),
    ("torchscript", "float16", "layer norm by hand"),
    ("dynamo", "float64", "hard swish by hard sigmoid"),
}


@pytest.mark.parametrize(("route", "dtype"), TORCH_CASES)
def test_pytorch(route: str, dtype: str) -> None:
    forms = {name: form for name, form in TORCH.items() if (route, name) not in ABSENT}
    kind = getattr(torch, dtype)
    inputs = [torch.linspace(-4, 4, math.prod(shape)).reshape(shape).to(kind) for _, shape, _ in forms.values()]
    weight = torch.linspace(0.5, 1.5, 8).to(kind)

    def every(weight: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(f(x, weight) for (_, _, f), x in zip(forms.values(), inputs, strict=True))

    module = ROUTES[route](Function(every), (weight, *inputs))
    wanted = {
        name: [] if (route, dtype, name) in OTHERS else [composite] for name, (composite, _, _) in forms.items()
    }
    check(module, wanted, dtype)


# ---------------------------------------------------------------------------------------------------- JAX

Function1 = Callable[[jax.Array], jax.Array]


def jax_norm(x: jax.Array, ddof: int = 0) -> jax.Array:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    deviation = jnp.sqrt(wide.var(-1, ddof=ddof, keepdims=True) + 1e-5)
    return ((wide - wide.mean(-1, keepdims=True)) / deviation).astype(x.dtype)


def jax_rms_norm(x: jax.Array) -> jax.Array:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return (wide * jax.lax.rsqrt(jnp.square(wide).mean(-1, keepdims=True) + 1e-6)).astype(x.dtype)


JAX: dict[str, tuple[str, Function1]] = {
    "softmax": ("softmax", jax.nn.softmax),
    "softmax of two axes": ("softmax", lambda x: jax.nn.softmax(x, axis=(1, 2))),
    "log_softmax": ("log_softmax", jax.nn.log_softmax),
    "log_softmax of two axes": ("log_softmax", lambda x: jax.nn.log_softmax(x, axis=(0, 1))),
    "logsumexp": ("logsumexp", lambda x: jax.nn.logsumexp(x, axis=-1)),
    "logsumexp of all": ("logsumexp", jax.nn.logsumexp),
    "gelu": ("gelu", lambda x: jax.nn.gelu(x, approximate=False)),
    "gelu by tanh": ("gelu", lambda x: jax.nn.gelu(x, approximate=True)),
    "silu": ("silu", jax.nn.silu),
    "mish": ("mish", jax.nn.mish),
    "hard swish": ("hard_swish", jax.nn.hard_swish),
    "layer norm": ("layer_norm", jax_norm),
    "rms norm": ("rms_norm", jax_rms_norm),
    # Near misses.
    "variance of Bessel": ("", lambda x: jax_norm(x, ddof=1)),
    "standardize": ("", jax.nn.standardize),
    "quick gelu": ("", lambda x: x * jax.nn.sigmoid(1.702 * x)),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_jax(dtype: str) -> None:
    with jax.enable_x64(True):
        inputs = [np.linspace(-4, 4, 48).reshape(TOKENS).astype(dtype) for _ in JAX]
        module = of_jax(lambda *x: [f(v) for (_, f), v in zip(JAX.values(), x, strict=True)], *inputs)
    check(module, {name: [c] if c else [] for name, (c, _) in JAX.items()}, dtype)


# ------------------------------------------------------------------------------- ONNX as old exporters write it

ROOT = "s = Mul(x, x); m = ReduceMean <axes = [-1], keepdims = 1> (s); e = Add(m, eps); d = Sqrt(e); "
CENTRED = "a = ReduceMean <axes = [-1], keepdims = 1> (x); c = Sub(x, a); "
VARIANCE = "p = Pow(c, two); v = ReduceMean <axes = [-1], keepdims = 1> (p); "
AFFINE = "n = Div(c, d); k = Mul(n, weight); y = Add(k, weight)"
CUBIC = "q = Pow(x, three); r = Mul(q, cubic); u = Add(x, r); h = Mul(u, two_by_pi); "
ONNX: dict[str, tuple[str, str]] = {
    "layer norm": ("layer_norm", CENTRED + VARIANCE + "e = Add(v, eps); d = Sqrt(e); " + AFFINE),
    "rms norm": ("rms_norm", ROOT + "i = Reciprocal(d); n = Mul(x, i); y = Mul(n, weight)"),
    "rms norm by division": ("rms_norm", ROOT + "n = Div(x, d); y = Mul(weight, n)"),
    "gelu": ("gelu", "t = Div(x, root2); k = Erf(t); f = Add(k, one); g = Mul(x, f); y = Mul(g, half)"),
    "gelu, half first": ("gelu", "t = Div(x, root2); k = Erf(t); f = Add(k, one); g = Mul(x, half); y = Mul(g, f)"),
    "gelu by tanh": ("gelu", CUBIC + "k = Tanh(h); f = Add(one, k); g = Mul(half, x); y = Mul(g, f)"),
    "silu": ("silu", "k = Sigmoid(x); y = Mul(x, k)"),
    "mish": ("mish", "p = Softplus(x); k = Tanh(p); y = Mul(x, k)"),
    "hard swish": ("hard_swish", "a = Add(x, three); k = Clip(a, zero, six); m = Mul(x, k); y = Div(m, six)"),
    "hard swish by hard sigmoid": (
        "hard_swish",
        "k = HardSigmoid <alpha = 0.16666666666666666, beta = 0.5> (x); y = Mul(x, k)",
    ),
    "softmax": (
        "softmax",
        "a = ReduceMax <axes = [-1], keepdims = 1> (x); c = Sub(x, a); e = Exp(c); "
        "s = ReduceSum(e, last); y = Div(e, s)",
    ),
    "log_softmax": (
        "log_softmax",
        "a = ReduceMax <axes = [-1], keepdims = 1> (x); c = Sub(x, a); e = Exp(c); "
        "s = ReduceSum(e, last); l = Log(s); y = Sub(c, l)",
    ),
    # Near misses.
    "epsilon outside": ("", CENTRED + VARIANCE + "e = Sqrt(v); d = Add(e, eps); " + AFFINE),
    "variance of another": ("", CENTRED + "p = Pow(x, two); v = ReduceMean <axes = [-1], keepdims = 1> (p); "
                            "e = Add(v, eps); d = Sqrt(e); " + AFFINE),
    "third power": ("", CENTRED + "p = Pow(c, three); v = ReduceMean <axes = [-1], keepdims = 1> (p); "
                    "e = Add(v, eps); d = Sqrt(e); " + AFFINE),
    "another axis": ("", CENTRED + "p = Pow(c, two); v = ReduceMean <axes = [-2], keepdims = 1> (p); "
                     "e = Add(v, eps); d = Sqrt(e); " + AFFINE),
    "gelu of another root": ("", "t = Div(x, two); k = Erf(t); f = Add(k, one); g = Mul(x, f); y = Mul(g, half)"),
    "gelu of another cube": ("", CUBIC.replace("cubic", "eps") + "k = Tanh(h); f = Add(one, k); g = Mul(half, x); "
                             "y = Mul(g, f)"),
    "half a sigmoid": ("", "k = Sigmoid(x); h = Mul(k, half); t = Add(h, one); y = Mul(x, t)"),
    "steeper hard sigmoid": ("", "k = HardSigmoid <alpha = 0.2, beta = 0.5> (x); y = Mul(x, k)"),
    "clip to one": ("", "a = Add(x, three); k = Clip(a, zero, two); m = Mul(x, k); y = Div(m, six)"),
    "softmax along another axis": (
        "",
        "a = ReduceMax <axes = [-2], keepdims = 1> (x); c = Sub(x, a); e = Exp(c); "
        "s = ReduceSum(e, last); y = Div(e, s)",
    ),
}  # fmt: skip
NUMBERS = {"zero": 0, "half": 0.5, "one": 1, "two": 2, "three": 3, "six": 6, "eps": 1e-5, "root2": math.sqrt(2)}
NUMBERS |= {"cubic": 0.044715, "two_by_pi": math.sqrt(2 / math.pi)}
# Squares in float16 overflow, and an attribute is a float32.
OTHER_ONNX = {("float16", "layer norm"), ("float16", "rms norm"), ("float16", "rms norm by division")}
OTHER_ONNX |= {("float64", "hard swish by hard sigmoid")}
# Softplus and HardSigmoid take no bfloat16 in opset 13.
ABSENT_ONNX = {"mish", "hard swish by hard sigmoid", "steeper hard sigmoid"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx(dtype: str) -> None:
    forms = {name: form for name, form in ONNX.items() if dtype != "bfloat16" or name not in ABSENT_ONNX}
    weights: dict[str, np.ndarray] = {name: np.asarray(n).astype(dtype) for name, n in NUMBERS.items()}
    weights |= {"weight": np.linspace(0.5, 1.5, 8).astype(dtype), "last": np.array([-1])}
    nodes = []
    for i, (_, text) in enumerate(forms.values()):
        for line in text.split("; "):
            node = onnx.parser.parse_node(line)
            node.input[:] = [v if v in weights else f"{v}{i}" for v in node.input]
            node.output[:] = [f"{v}{i}" for v in node.output]
            nodes.append(node)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    ends = [[value(f"{v}{i}", TOKENS, kind) for i in range(len(forms))] for v in "xy"]
    module = import_onnx(model(nodes, *ends, weights, opset=13)).module
    wanted = {name: [] if (dtype, name) in OTHER_ONNX or not c else [c] for name, (c, _) in forms.items()}
    check(module, wanted, dtype)
