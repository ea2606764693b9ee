"""Complex views, bits, arithmetic and gradients of activations against eager PyTorch; many in one program each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F
from torch_oracle import check

INF, NAN = float("inf"), float("nan")
aten = torch.ops.aten


def test_parts_of_complex_tensors_are_views() -> None:
    """What is written into a part, a conjugate or the pairs reaches the tensor."""

    def write(x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x.real.mul_(2)
        x.conj()[1:].add_(1j)
        x.imag[:, ::2].zero_()
        torch.view_as_real(x)[..., 1].add_(3)
        x.mH[0].fill_(2j)
        return x

    check(write, torch.randn(3, 4, dtype=torch.complex64))


def test_complex_numbers() -> None:
    def values(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        polar = torch.polar(y.abs(), y)
        return [x.angle(), y.angle(), x.abs(), x.sgn(), polar, torch.complex(y, y[0]), x.conj().imag + 1, x.mH + 0]

    y = torch.tensor([[0.0, -0.0, -1.0], [2.0, 0.5, -3.0]])
    check(values, torch.tensor([[0j, 1j, 3 + 4j], [-1 + 0j, 2j, 1 - 1j]]), y)


def test_bytes_as_other_dtypes() -> None:
    def values(x: torch.Tensor, z: torch.Tensor, scalar: torch.Tensor) -> list[torch.Tensor]:
        of_floats = [x.view(dtype) for dtype in (torch.int32, torch.float64, torch.int8, torch.complex64)]
        of_complex = [z.view(dtype) for dtype in (torch.float32, torch.int64)]
        return [*of_floats, *of_complex, scalar.view(torch.int64)]

    check(values, torch.randn(3, 4), torch.randn(2, 2, dtype=torch.complex64), torch.tensor(1j))


def test_integers_bit_by_bit() -> None:
    def values(x: torch.Tensor, n: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        shifted = [x << n, x >> n, x.to(torch.uint8) >> n.to(torch.uint8), x >> 70, x << -1]
        return [*shifted, torch.gcd(x, y), torch.lcm(x, y), torch.hash_tensor(x), torch.hash_tensor(x.double())]

    x = torch.tensor([3, -3, 0, 100, 12])
    check(values, x, torch.tensor([1, 2, 70, -1, 0]), torch.tensor([6, 9, 0, 75, 0]))


def test_floats_bit_by_bit() -> None:
    def values(x: torch.Tensor, y: torch.Tensor) -> list[Any]:
        halves = [f for v in (x.bfloat16(), x.half()) for f in (*torch.frexp(v), torch.nextafter(v, y.to(v.dtype)))]
        return [*torch.frexp(x), torch.copysign(x, y), torch.copysign(x, -0.0), *halves]

    check(values, torch.tensor([0.0, -0.0, 1.0, -3.0, INF, NAN, 1e-3]), torch.tensor([1.0, -1, -0.0, NAN, 0, 1, 9]))


def test_decimals_blends_and_replacements() -> None:
    def values(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
        rounded = [torch.round(y, decimals=d) for d in (0, 2, -1)]
        blends = [torch.lerp(y, w, 0.3), torch.lerp(y, w, 0.7), torch.lerp(y, w, w)]
        fused = [torch.addcmul(y, w, y, value=2), torch.addcdiv(y, w, w + 2)]
        replaced = [torch.nan_to_num(x), torch.nan_to_num(x, 1, 2, 3), torch.heaviside(x, y)]
        sums = [torch.logaddexp(x, y), torch.logaddexp2(y, w), torch.hypot(x, y), torch.xlogy(y, x)]
        return [*rounded, *blends, *fused, *replaced, *sums]

    x = torch.tensor([NAN, INF, -INF, 0.0])
    check(values, x, torch.tensor([14.567, 2.5, 0.125, 3.0]), torch.tensor([0.1, 0.4, 0.6, 0.9]))


def test_powers_of_complex_and_bool_tensors() -> None:
    def values(z: torch.Tensor, b: torch.Tensor) -> list[torch.Tensor]:
        return [z**2, torch.float_power(z, 2), z**0.5, z ** z[1], torch.float_power(b, z), b**2]

    check(values, torch.tensor([0j, 1 + 2j, -1j]), torch.tensor([True, False, True]))


def backward_calls(grad: torch.Tensor, x: torch.Tensor) -> list[torch.Tensor]:
    """Every gradient operator of an activation, with its options."""
    of_two: list[Callable[..., torch.Tensor]] = [
        *(aten.silu_backward, aten.mish_backward, aten.hardsigmoid_backward, aten.hardswish_backward),
        *(aten.tanh_backward, aten.sigmoid_backward),
    ]
    half = grad[..., :2]
    return [
        *(f(grad, x) for f in of_two),
        *(aten.gelu_backward(grad, x, approximate=kind) for kind in ("none", "tanh")),
        aten.hardtanh_backward(grad, x, -1, 2),
        aten.threshold_backward(grad, x, 0),
        aten.native_dropout_backward(grad, x > 0, 1.25),
        *(aten.elu_backward(grad, 1.5, 2, 0.5, known, x) for known in (False, True)),
        aten.leaky_relu_backward(grad, x, 0.1, False),
        aten.softplus_backward(grad, x, 2, 3),
        aten.hardshrink_backward(grad, x, 0.5),
        aten.softshrink_backward(grad, x, 0.5),
        aten.log_sigmoid_backward(grad, x, torch.exp(-x.abs())),
        aten.rrelu_with_noise_backward(grad, x, x.abs(), 0.1, 0.3, False, False),
        *aten._prelu_kernel_backward(grad, x, x[:1, :1].abs()),
        aten.glu_backward(half, x, -1),
        aten._softmax_backward_data(grad, torch.softmax(x, -1), -1, x.dtype),
        aten._log_softmax_backward_data(grad, torch.log_softmax(x, 0), 0, x.dtype),
    ]


def forward_calls(x: torch.Tensor) -> list[torch.Tensor]:
    f = torch.nn.functional
    shrunk = [f.hardshrink(x, 0.7), f.softshrink(x, 0.7), f.threshold(x, 0.2, 5.0)]
    return [f.celu(x, 1.5), f.selu(x), *shrunk, f.logsigmoid(x), f.silu(x + 1j * x), *aten.log_sigmoid_forward(x)]


def activations_input() -> torch.Tensor:
    return torch.tensor([[-4.0, -3.0, -0.5, 0.0], [0.5, 1.0, 3.0, 7.0], [-0.1, 0.1, 2.0, -30.0]])


def test_gradients_of_activations() -> None:
    torch.manual_seed(0)
    check(backward_calls, torch.randn(3, 4), activations_input())


def test_gradients_of_activations_in_half_precision() -> None:
    torch.manual_seed(0)
    grad = torch.randn(3, 4, dtype=torch.bfloat16)
    check(backward_calls, grad, activations_input().bfloat16(), rtol=1e-2, atol=1e-2)


def test_activations() -> None:
    check(forward_calls, activations_input())


def test_half_precision_rounds_once() -> None:
    """Numbers keep their digits in products and quotients, and formulas are computed in float32."""

    def scaled(x: torch.Tensor) -> list[torch.Tensor]:
        return [x * 0.0503, 0.0503 * x, x / 0.0503, x % 0.0503, aten._foreach_mul([x], 0.3)[0]]

    def formulas(x: torch.Tensor) -> list[torch.Tensor]:
        return [F.gelu(x), F.gelu(x, approximate="tanh"), F.silu(x), x.sigmoid()]

    torch.manual_seed(0)
    for dtype, unit in ((torch.bfloat16, 2**-7), (torch.float16, 2**-10)):
        x = torch.randn(20, 30).to(dtype)
        check(scaled, x, rtol=0, atol=0)
        check(formulas, x, rtol=unit, atol=0)  # float32's last bit may tip a value to the next number


def test_small_integers_and_bools() -> None:
    def values(x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
        return [x.sign(), x.sgn(), y.square(), torch.rsub(x, x, alpha=3), x**x]

    check(values, torch.tensor([0, 3, 135], dtype=torch.uint8), torch.tensor([True, False, True]))


def test_numbers_of_tensors() -> None:
    """A number promotes less than a tensor of rank 0 does."""

    def values(x: torch.Tensor, n: torch.Tensor, a: torch.Tensor) -> list[torch.Tensor]:
        of_floats = [x * a.item(), torch.where(x > 0, x, a.item()), torch.full((2,), a.item()), x[0] + a.item()]
        of_integers = [n * a.item(), n > a.item(), n.clamp(a.item()), torch.add(n, n, alpha=n[1].item())]
        written = x.clone()
        written[:2].fill_(a.item() * 2)
        written[1:].mul_(a.item())
        of_bools = [written + (a > 2).item(), x * (n[0] > 1).item()]
        return [*of_floats, *of_integers, *of_bools, x.half() * a.item(), F.leaky_relu(x.half(), a.item())]

    check(
        values, torch.randn(4), torch.tensor([1, 2, -3], dtype=torch.int32), torch.tensor(2.5, dtype=torch.float64)
    )
