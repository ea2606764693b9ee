"""Random operators: distributions against those they are to have; the generator's state in the signature."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._higher_order_ops import scan, while_loop
from torch_oracle import Function, compare

import oxide
from oxide.effects import read_updates

N = 20_000
STATE = np.array([1, 2], np.uint64)


def model_of(function: Any, *args: torch.Tensor) -> oxide.Model:
    module = function if isinstance(function, nn.Module) else Function(function)
    return oxide.import_torch(module, args)


def draw(function: Any, *args: torch.Tensor, state: np.ndarray = STATE) -> list[np.ndarray]:
    """The outputs, then the next state."""
    executable = model_of(function, *args).compile(cache=False)
    given = dict(zip([spec.name for spec in executable.inputs], [*args, state], strict=True))
    return [np.asarray(x) for x in executable.run(given).values()]


def normal_cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


# The function, and the distribution function it must have (at some points), with its dtype.
CONTINUOUS: dict[str, tuple[Callable[..., Any], Callable[[float], float], list[float], type]] = {
    "rand": (lambda: torch.rand(N), lambda x: x, [0.1, 0.5, 0.9], np.float32),
    "rand of halves": (lambda: torch.rand(N, dtype=torch.float16), lambda x: x, [0.25, 0.75], np.float16),
    "rand_like": (lambda: torch.rand_like(torch.zeros(N, dtype=torch.float64)), lambda x: x, [0.3], np.float64),
    "randn": (lambda: torch.randn(N), normal_cdf, [-2.0, -1.0, 0.0, 1.5], np.float32),
    "randn of doubles": (lambda: torch.randn(N, dtype=torch.float64), normal_cdf, [-1.0, 0.5], np.float64),
    "normal": (
        lambda: torch.normal(2.0, 3.0, (N,)),
        lambda x: normal_cdf((x - 2) / 3),
        [-1.0, 2.0, 5.0],
        np.float32,
    ),
    "normal_": (lambda: torch.empty(N).normal_(1, 2), lambda x: normal_cdf((x - 1) / 2), [-1.0, 2.0], np.float32),
    "uniform_": (lambda: torch.empty(N).uniform_(-1, 3), lambda x: (x + 1) / 4, [0.0, 2.0], np.float32),
    "exponential_": (
        lambda: torch.empty(N).exponential_(2),
        lambda x: 1 - math.exp(-2 * x),
        [0.2, 1.0],
        np.float32,
    ),
    "cauchy_": (
        lambda: torch.empty(N).cauchy_(1, 2),
        lambda x: 0.5 + math.atan((x - 1) / 2) / math.pi,
        [0.0, 3.0],
        np.float32,
    ),
    "log_normal_": (
        lambda: torch.empty(N).log_normal_(0, 1),
        lambda x: normal_cdf(math.log(x)),
        [0.5, 2.0],
        np.float32,
    ),
    "randint": (lambda: torch.randint(-3, 7, (N,)), lambda x: (math.floor(x) + 4) / 10, [-3.0, 0.0, 5.0], np.int64),
    "random_": (lambda: torch.empty(N, dtype=torch.int32).random_(4), lambda x: (x + 1) / 4, [0.0, 2.0], np.int32),
    "bernoulli": (lambda: torch.bernoulli(torch.full((N,), 0.3)), lambda x: 0.7, [0.0], np.float32),
    "bernoulli_": (lambda: torch.zeros(N).bernoulli_(0.2), lambda x: 0.8, [0.0], np.float32),
    "geometric_": (lambda: torch.zeros(N).geometric_(0.3), lambda x: 1 - 0.7**x, [1.0, 3.0], np.float32),
}


@pytest.mark.parametrize("case", CONTINUOUS)
def test_distributions(case):
    function, cdf, points, dtype = CONTINUOUS[case]
    values, _ = draw(function)
    assert values.dtype == dtype
    assert values.shape == (N,)
    for point in points:  # five standard deviations of a share
        wanted = cdf(point)
        assert abs((values <= point).mean() - wanted) < 5 * math.sqrt(wanted * (1 - wanted) / N) + 1e-3
    neighbours = np.corrcoef(values[:-1].astype(np.float64), values[1:].astype(np.float64))[0, 1]
    assert case == "cauchy_" or abs(neighbours) < 0.05


def test_the_state_is_an_input_and_a_result():
    model = model_of(lambda x: (torch.rand(4) + x, torch.rand(4)), torch.zeros(4))
    assert [str(spec) for spec in model.inputs] == ["args_0: 4xf32", "random_state: 2xui64"]
    assert read_updates(model.module) == {2: "random_state"}
    executable = model.compile(cache=False)

    def call(state: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(v) for v in executable.run({"args_0": np.zeros(4, "f"), "random_state": state}).values()]

    first, again, other = call(STATE), call(STATE), call(call(STATE)[2])
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != first[1]).all()
    assert (first[0] != other[0]).all()


def test_programs_that_draw_nothing_have_no_state():
    assert [spec.name for spec in model_of(nn.Dropout(0.5).eval(), torch.ones(3)).inputs] == ["input"]


@pytest.mark.parametrize("p", [0.25, 1.0])
def test_dropout_scales_what_it_keeps(p):
    x = torch.arange(1.0, N + 1)
    values, *_ = draw(nn.Dropout(p), x)
    kept = values != 0
    assert abs(kept.mean() - (1 - p)) < 0.02
    np.testing.assert_allclose(values[kept], x.numpy()[kept] / max(1 - p, 1e-9), rtol=1e-6)


def test_dropout_of_features():
    values, *_ = draw(nn.Dropout2d(0.5), torch.ones(40, 50, 2, 3))
    assert set(np.unique(values)) == {0, 2}
    assert (values == values[:, :, :1, :1]).all()
    assert abs((values > 0).mean() - 0.5) < 0.06


def test_alpha_dropout_keeps_mean_and_variance():
    values, *_ = draw(nn.AlphaDropout(0.2), torch.randn(N))
    assert abs(values.mean()) < 0.05
    assert abs(values.var() - 1) < 0.06


def test_randomised_leaky_relu():
    x = torch.linspace(-1, 1, N)
    values, *_ = draw(nn.RReLU(0.2, 0.4), x)
    slopes = values / x.numpy()
    assert (slopes[x.numpy() > 0] == 1).all()
    negative = slopes[x.numpy() < 0]
    assert negative.min() >= 0.199
    assert negative.max() < 0.401
    assert abs(negative.mean() - 0.3) < 0.005


def test_attention_with_dropout():
    q, k = torch.zeros(1, 1, 400, 8), torch.zeros(1, 1, 50, 8)

    def attend(q, k):
        return nn.functional.scaled_dot_product_attention(q, k, torch.ones(1, 1, 50, 8), dropout_p=0.5)

    values, *_ = draw(attend, q, k)
    assert abs(values.mean() - 1) < 0.05
    assert abs(values.std() - math.sqrt(1 / 50)) < 0.03


def test_permutation():
    values, _ = draw(lambda: torch.randperm(1000, dtype=torch.int32))
    assert values.dtype == np.int32
    assert sorted(values) == list(range(1000))
    assert (values != np.arange(1000)).mean() > 0.9


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial(replacement):
    weights = torch.tensor([0.0, 1.0, 3.0, 4.0]).expand(N // 4, 4)
    values, _ = draw(lambda w: torch.multinomial(w, 2, replacement), weights)
    assert values.shape == (N // 4, 2)
    shares = np.bincount(values[:, 0], minlength=4) / len(values)
    np.testing.assert_allclose(shares, [0, 0.125, 0.375, 0.5], atol=0.035)
    if not replacement:
        assert (values[:, 0] != values[:, 1]).all()


def test_open_shapes_draw_as_many_numbers_as_they_have_elements():
    rows = torch.export.Dim("rows")
    function = Function(lambda x: (x + torch.rand(x.shape[0], 7), torch.randn_like(x), torch.bernoulli(x + 0.25)))
    model = oxide.import_torch(function, (torch.zeros(4, 7),), dynamic_shapes={"args": ({0: rows},)})
    executable = model.compile(cache=False)
    given = {"args_0": np.zeros((N // 7, 7), np.float32), "random_state": STATE}
    uniform, normal, coins, state = (np.asarray(v) for v in executable.run(given).values())
    assert uniform.shape == normal.shape == (N // 7, 7)
    for point in (0.1, 0.5, 0.9):
        assert abs((uniform <= point).mean() - point) < 0.02
    for point in (-1.0, 0.0, 2.0):
        assert abs((normal <= point).mean() - normal_cdf(point)) < 0.02
    assert abs(coins.mean() - 0.25) < 0.02
    assert abs(np.corrcoef(uniform.ravel(), normal.ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(uniform.ravel()[:-1], uniform.ravel()[1:])[0, 1]) < 0.05
    assert state[0] == STATE[0]
    assert state[1] == STATE[1] + 3 * uniform.size


def in_a_branch(x):
    return torch.cond(x.sum() > 0, lambda a: a + torch.rand(3), lambda a: a - 1, (x,)), torch.rand(3)


def in_a_loop(x):
    def step(i, a):
        return i + 1, a + torch.rand(3)

    return while_loop(lambda i, a: i < 2, step, (torch.tensor(0), x))[1], torch.rand(3)


def in_a_scan(x):
    return scan(lambda c, y: (c + y, torch.rand(3)), x, torch.zeros(2, 3))[1][-1], torch.rand(3)


@pytest.mark.filterwarnings("ignore:.*script_method.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("function", [in_a_branch, in_a_loop, in_a_scan])
def test_regions_carry_the_state(function):
    """What is drawn in a region differs from what is drawn after it, and the region's draws move the state."""
    inside, after, state = draw(function, torch.ones(3))
    assert not np.isin(inside % 1, after).any()
    straight = draw(lambda x: (x, torch.rand(3)), torch.ones(3))
    assert (state != straight[2]).any()


def test_a_branch_not_taken_leaves_the_state():
    inside, after, state = draw(in_a_branch, -torch.ones(3))
    assert (inside == -2).all()
    straight = draw(lambda x: (x, torch.rand(3)), torch.ones(3))
    assert (after == straight[1]).all()
    assert (state == straight[2]).all()


def test_the_source_draws_the_same_numbers():
    from jax_source_oracle import load, nested  # needs JAX only here

    model = model_of(lambda x: torch.rand(5) + x, torch.zeros(5))
    source = model.to_jax_source()
    namespace = load(source)
    import jax

    with jax.enable_x64(namespace["_x64"]):
        found = namespace["forward"](nested(dict(source.constants)), np.zeros(5, "f"), STATE)
    expected = draw(lambda x: torch.rand(5) + x, torch.zeros(5))
    compare(np.asarray(found[0]), torch.from_numpy(expected[0].copy()), 0, 0)
