"""How operations are written down that XLA runs and the reference interpreter does not."""

from __future__ import annotations

import numpy as np
from operation_writers import Write
from program_maker import BOOL, Maker, Value

from oxide.dialects import dtypes

_GROUPS = "replica_groups = dense<0> : tensor<1x1xi64>"


def fft(m: Maker, element: str) -> Value:
    kind = m.choose(["FFT", "IFFT", "RFFT", "IRFFT"])
    wide, count = f"complex<{element}>", m.choose([4, 5, 1])
    half = count // 2 + 1
    taken, given = {"RFFT": (count, half), "IRFFT": (half, count)}.get(kind, (count, count))
    x = m.finite(element if kind == "RFFT" else wide, (m.choose([2, 1]), taken))
    attributes = f"fft_type = #stablehlo<fft_type {kind}>, fft_length = array<i64: {count}>"
    return m.emit("fft", [x], element if kind == "IRFFT" else wide, (x.shape[0], given), attributes)


def cholesky(m: Maker, element: str) -> Value:
    size = m.choose([1, 3])
    root = m.rng.integers(-2, 3, (2, size, size))
    positive = root @ root.swapaxes(1, 2) + 4 * np.eye(size)
    x = m.given(element, positive.astype(dtypes.from_spelling(element)))
    return m.emit("cholesky", [x], element, x.shape, "lower = true")


def triangular_solve(m: Maker, element: str) -> Value:
    size = m.choose([1, 3])
    a = m.given(
        element, (m.rng.integers(-2, 3, (size, size)) + 4 * np.eye(size)).astype(element.replace("f", "float"))
    )
    attributes = (
        f"left_side = {m.choose(['true', 'false'])}, lower = {m.choose(['true', 'false'])}, "
        "unit_diagonal = false, transpose_a = #stablehlo<transpose "
        f"{m.choose(['NO_TRANSPOSE', 'TRANSPOSE', 'ADJOINT'])}>"
    )
    return m.emit("triangular_solve", [a, m.finite(element, (size, size))], element, (size, size), attributes)


_NORM = "epsilon = 1.0e-2 : f32, feature_index = 1 : i64"


def batch_norm_inference(m: Maker, element: str) -> Value:
    x = m.finite(element, (2, 3, 2))
    weights = [m.finite(element, (3,)) for _ in range(3)]
    variance = m.given(element, np.array([1.0, 0.5, 0.0], dtypes.from_spelling(element)))
    return m.emit("batch_norm_inference", [x, *weights, variance], element, x.shape, _NORM)


def batch_norm_training(m: Maker, element: str) -> Value:
    x, weights = m.finite(element, (2, 3, 2)), [m.finite(element, (3,)) for _ in range(2)]
    results = [m.fresh(element, shape) for shape in ((2, 3, 2), (3,), (3,))]
    m.write("batch_norm_training", results, [x, *weights], _NORM)
    m.results.append(results[m.choose([1, 2])])
    return results[0]


def batch_norm_grad(m: Maker, element: str) -> Value:
    x, scale, mean = m.finite(element, (2, 3, 2)), m.finite(element, (3,)), m.finite(element, (3,))
    variance = m.given(element, np.array([1.0, 0.5, 0.25], dtypes.from_spelling(element)))
    results = [m.fresh(element, shape) for shape in ((2, 3, 2), (3,), (3,))]
    operands = [x, scale, mean, variance, m.finite(element, (2, 3, 2))]
    m.write("batch_norm_grad", results, operands, _NORM)
    m.results.append(results[m.choose([1, 2])])
    return results[0]


def broadcast(m: Maker, element: str) -> Value:
    x = m.finite(element, m.shape())
    return m.emit("broadcast", [x], element, (2, *x.shape), "broadcast_sizes = array<i64: 2>")


def dot(m: Maker, element: str) -> Value:
    shapes = m.choose([((2, 3), (3, 2), (2, 2)), ((3,), (3,), ()), ((2, 3), (3,), (2,))])
    x, y = (m.finite(element, shape) for shape in shapes[:2])
    return m.emit("dot", [x, y], element, shapes[2])


def einsum(m: Maker, element: str) -> Value:
    x, y = m.finite(element, (2, 3)), m.finite(element, (3, 2))
    config, shape = m.choose([("ab,bc->ac", (2, 2)), ("ab,bc->ca", (2, 2))])
    return m.emit("einsum", [x, y], element, shape, f'einsum_config = "{config}"')


def real_dynamic_slice(m: Maker, element: str) -> Value:
    bounds = [m.numbers(*values) for values in ((0, 1), (2, 3), (1, 1))]
    return m.emit("real_dynamic_slice", [m.finite(element, (2, 3)), *bounds], element, (2, 2))


def torch_index_select(m: Maker, element: str) -> Value:
    rows = m.given("i32", m.rng.integers(0, 3, 4).astype(np.int32))
    attributes = "dim = 0 : i64, batch_dims = 0 : i64"
    return m.emit("torch_index_select", [m.finite(element, (3, 2)), rows], element, (4, 2), attributes)


def rng_bit_generator(m: Maker, element: str) -> Value:
    state = m.given("ui64", m.rng.integers(0, 2**60, 2).astype(np.uint64))
    results = [m.fresh("ui64", (2,)), m.fresh(element, (3, 2))]
    m.write("rng_bit_generator", results, [state], "rng_algorithm = #stablehlo<rng_algorithm THREE_FRY>")
    m.results.append(results[0])
    return results[1]


def identity_of_the_device(op: str) -> Write:
    return lambda m, element: m.emit(op, [], element, ())


def collective(op: str, attributes: str, reduces: bool = False) -> Write:
    """A collective operation among one process."""

    def write(m: Maker, element: str) -> Value:
        x = m.finite(element, (2, 3))
        region = m.scalar_region("or" if element in BOOL else "add", element) if reduces else ""
        return m.emit(op, [x], element, x.shape, attributes, region)

    return write


all_reduce = collective("all_reduce", _GROUPS, reduces=True)
reduce_scatter = collective("reduce_scatter", f"scatter_dimension = 0 : i64, {_GROUPS}", reduces=True)
all_gather = collective("all_gather", f"all_gather_dim = 0 : i64, {_GROUPS}")
all_to_all = collective(
    "all_to_all",
    f"split_dimension = 0 : i64, concat_dimension = 0 : i64, split_count = 1 : i64, {_GROUPS}",
)
collective_permute = collective("collective_permute", "source_target_pairs = dense<0> : tensor<1x2xi64>")


def set_dimension_size(m: Maker, element: str) -> Value:
    """A sum over the elements that are left."""
    x, count = m.finite(element, (3,)), m.given("i32", np.array(m.choose([1, 2, 3]), np.int32))
    kept = m.fresh(element, ())
    kind = f"tensor<?x{element}, #stablehlo.bounds<3>>"
    m.lines.append(
        f'{kept.name} = "stablehlo.set_dimension_size"({x.name}, {count.name}) {{dimension = 0 : i64}} '
        f": ({x.type}, {count.type}) -> {kind}"
    )
    zero, result = m.constant(np.zeros((), dtypes.from_spelling(element))), m.fresh(element, ())
    m.lines.append(
        f'{result.name} = "stablehlo.reduce"({kept.name}, {zero.name}) ({m.scalar_region("add", element)}) '
        f"{{dimensions = array<i64: 0>}} : ({kind}, {zero.type}) -> {result.type}"
    )
    return result
