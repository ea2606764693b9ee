"""Generated source of modules with open sizes: one text that is right for every size."""
# ruff: noqa: E501  (MLIR is easier to read unbroken)

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from dynamic_programs import PROGRAMS
from jax_source_oracle import body_of, compare, load, nested, source_of

from oxide.backends.jax_source import JaxSource
from oxide.dialects.context import parse_module
from oxide.dialects.diagnostics import OxideError
from oxide.model import Model


def called(source: JaxSource, *arguments: np.ndarray) -> list[np.ndarray]:
    namespace = load(source)
    with jax.enable_x64(namespace["_x64"]):
        outputs = jax.jit(namespace["forward"])(nested(source.constants), *arguments)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(outputs)]


def check(module: str, *calls: list[np.ndarray]) -> str:
    """Assert that the generated source computes what XLA does, for each of several calls.  Gives its body."""
    executable = Model(parse_module(module), {}).compile(cache=False)
    source = source_of(module)
    for arguments in calls:
        expected = [np.asarray(leaf) for leaf in jax.tree.leaves(executable(*arguments))]
        for actual, wanted in zip(called(source, *arguments), expected, strict=True):
            compare(actual, wanted, 2e-6, source.text)
    return body_of(module)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


# ------------------------------------------------------------------------------------------ whole programs


@pytest.mark.parametrize("pipeline", ["", "default"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_one_text_is_right_for_all_sizes(name: str, pipeline: str) -> None:
    program = PROGRAMS[name]
    model = program.model()
    source = (model.run_passes(pipeline) if pipeline else model).to_jax_source()
    for sizes in program.sizes:
        arguments = program.arguments(sizes)
        for actual, wanted in zip(called(source, *arguments), program.expected(arguments), strict=True):
            compare(actual, wanted, 2e-5, source.text)


READINGS = {
    "attention": [
        "x_2 = x.reshape(b, s, 4, 8).transpose(0, 2, 1, 3)  # f32[b,4,s,8]",
        "powers.sum(axis=3, keepdims=True)",
    ],
    "means": ["return x.mean(axis=(0, 1)), x.mean(), x.mean(axis=0).astype(jnp.float16)"],
    "rows": ["return t[i]"],
    "first half": ["return x[:, :s // 2]"],
    "padding": ["return jnp.pad(x, ((0, 0), (1, 2)))"],
    "flattening": ["return x.reshape(-1)"],
    "pairs": ["b = x.shape[0] // 2", "return x.reshape(b, 2).sum(axis=1)"],
    "sizes as numbers": ["x * s + 2 * b", "jnp.array([b, s], jnp.int32)"],
    "window": ["return lax.dynamic_slice(x, (0, i), (b, 2))"],
    "cache": ["b, p = past.shape[:2]", "s = new.shape[1]", "require(new.shape == (b, s, 4), "],
    "update": ["return x.at[:, i].add(1.0)"],
    "strided convolution": ["b, _, h, w = x.shape", "return conv(x, k, stride=2, padding=1)"],
}


@pytest.mark.parametrize("name", READINGS)
def test_reading(name: str) -> None:
    text = PROGRAMS[name].model().to_jax_source().text
    for line in READINGS[name]:
        assert line in text, text


# -------------------------------------------------------------------------------------------- operations

SIZE = "%n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>"
VECTOR = f"{SIZE}\n %v = stablehlo.reshape %n : (tensor<i32>) -> tensor<1xi32>"
ONE = "%one = stablehlo.constant dense<1> : tensor<1xi32>"
OPERATIONS = {
    "iota": (
        f"{VECTOR} %r = stablehlo.dynamic_iota %v, dim = 0 : (tensor<1xi32>) -> tensor<?xi16>",
        "tensor<?xi16>",
        "return lax.broadcasted_iota(jnp.int16, (n,), 0)",
    ),
    "slice": (
        f"""{VECTOR} {ONE}
        %r = stablehlo.real_dynamic_slice %x, %one, %v, %one : (tensor<?xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<?xf32>""",
        "tensor<?xf32>",
        "return x[1:]",
    ),
    "steps": (
        f"""{VECTOR} %zero = stablehlo.constant dense<0> : tensor<1xi32> %two = stablehlo.constant dense<2> : tensor<1xi32>
        %r = stablehlo.real_dynamic_slice %x, %zero, %v, %two : (tensor<?xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<?xf32>""",
        "tensor<?xf32>",
        "return x[::2]",
    ),
    "pad": (
        f"""{VECTOR} {ONE} %zero = stablehlo.constant dense<0> : tensor<1xi32> %f = stablehlo.constant dense<0.0> : tensor<f32>
        %r = stablehlo.dynamic_pad %x, %f, %one, %v, %zero : (tensor<?xf32>, tensor<f32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<?xf32>""",
        "tensor<?xf32>",
        "return jnp.pad(x, ((1, n),))",
    ),
    "size as data": (
        f"""{SIZE} %c = stablehlo.convert %n : (tensor<i32>) -> tensor<f32> %q = stablehlo.sqrt %c : tensor<f32>
        {VECTOR.splitlines()[1]} %b = stablehlo.dynamic_broadcast_in_dim %q, %v, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<?xf32>
        %r = stablehlo.divide %x, %b : tensor<?xf32>""",
        "tensor<?xf32>",
        "return x / jnp.sqrt(jnp.float32(n))",
    ),
    "long size": (
        f"""{SIZE} %w = stablehlo.convert %n : (tensor<i32>) -> tensor<i64> %t = stablehlo.constant dense<3> : tensor<i64>
        %r = stablehlo.multiply %w, %t : tensor<i64>""",
        "tensor<i64>",
        "return jnp.int64(3 * n)",
    ),
    "arithmetic": (
        f"""{SIZE} %two = stablehlo.constant dense<2> : tensor<i32> %a = stablehlo.add %n, %two : tensor<i32>
        %d = stablehlo.divide %a, %two : tensor<i32> %m = stablehlo.remainder %n, %two : tensor<i32>
        %s = stablehlo.maximum %d, %m : tensor<i32> %l = stablehlo.minimum %n, %two : tensor<i32>
        %r = stablehlo.subtract %s, %l : tensor<i32>""",
        "tensor<i32>",
        "jnp.int32(",
    ),
    "size in a loop": (
        f"""{SIZE} %zero = stablehlo.constant dense<0> : tensor<i32> %one = stablehlo.constant dense<1> : tensor<i32>
        %r = stablehlo.while(%i = %zero) : tensor<i32> cond {{
          %p = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %p : tensor<i1>
        }} do {{
          %j = stablehlo.add %i, %one : tensor<i32>
          stablehlo.return %j : tensor<i32>
        }}""",
        "tensor<i32>",
        "return lax.fori_loop(0, n, lambda _, x_2: x_2 + 1, jnp.int32(0))",
    ),
    "softmax": (
        """%r = stablehlo.composite "oxide.softmax" %x {composite_attributes = {axis = 0 : i64}, decomposition = @softmax} : (tensor<?xf32>) -> tensor<?xf32>""",
        "tensor<?xf32>",
        "return jax.nn.softmax(x, axis=-1)",
    ),
    "largest of maybe none": (
        f"""{SIZE} %two = stablehlo.constant dense<2> : tensor<i32> %half = stablehlo.divide %n, %two : tensor<i32>
        %l = stablehlo.reshape %half : (tensor<i32>) -> tensor<1xi32> %zero = stablehlo.constant dense<0> : tensor<1xi32> {ONE}
        %h = stablehlo.real_dynamic_slice %x, %zero, %l, %one : (tensor<?xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<?xf32>
        %low = stablehlo.constant dense<0xFF800000> : tensor<f32>
        %r = stablehlo.reduce(%h init: %low) applies stablehlo.maximum across dimensions = [0] : (tensor<?xf32>, tensor<f32>) -> tensor<f32>""",
        "tensor<f32>",
        "return x[:n // 2].max(initial=-jnp.inf)",
    ),
    "narrow size": (
        f"""{SIZE} %c = stablehlo.constant dense<100> : tensor<i32> %p = stablehlo.multiply %n, %c : tensor<i32>
        %r = stablehlo.convert %p : (tensor<i32>) -> tensor<i8>""",
        "tensor<i8>",
        "return jnp.int32(100 * n).astype(jnp.int8)",
    ),
    "integers by size": (
        f"""{VECTOR} %i = stablehlo.dynamic_iota %v, dim = 0 : (tensor<1xi32>) -> tensor<?xi32>
        %b = stablehlo.dynamic_broadcast_in_dim %n, %v, dims = [] : (tensor<i32>, tensor<1xi32>) -> tensor<?xi32>
        %s = stablehlo.subtract %i, %b : tensor<?xi32>
        %r = stablehlo.divide %s, %b : tensor<?xi32>""",
        "tensor<?xi32>",
        "return lax.div(jnp.arange(n, dtype=jnp.int32) - n, jnp.int32(n))",
    ),
    "half precision by size": (
        f"""{VECTOR} %c = stablehlo.convert %n : (tensor<i32>) -> tensor<bf16> %h = stablehlo.convert %x : (tensor<?xf32>) -> tensor<?xbf16>
        %b = stablehlo.dynamic_broadcast_in_dim %c, %v, dims = [] : (tensor<bf16>, tensor<1xi32>) -> tensor<?xbf16>
        %r = stablehlo.multiply %h, %b : tensor<?xbf16>""",
        "tensor<?xbf16>",
        "return x.astype(jnp.bfloat16) * n",
    ),
    "choice by size": (
        f"""{SIZE} %three = stablehlo.constant dense<3> : tensor<i32>
        %p = stablehlo.compare GT, %n, %three : (tensor<i32>, tensor<i32>) -> tensor<i1>
        %y = stablehlo.negate %x : tensor<?xf32>
        %r = stablehlo.select %p, %x, %y : tensor<i1>, tensor<?xf32>""",
        "tensor<?xf32>",
        "return jnp.where(jnp.int32(n) > 3, x, -x)",
    ),
}
SOFTMAX = """
func.func private @softmax(%x: tensor<?xf32>) -> tensor<?xf32> {
  %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?xf32>) -> tensor<i32>
  %v = stablehlo.reshape %n : (tensor<i32>) -> tensor<1xi32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %e = stablehlo.exponential %x : tensor<?xf32>
  %s = stablehlo.reduce(%e init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<?xf32>, tensor<f32>) -> tensor<f32>
  %b = stablehlo.dynamic_broadcast_in_dim %s, %v, dims = [] : (tensor<f32>, tensor<1xi32>) -> tensor<?xf32>
  %r = stablehlo.divide %e, %b : tensor<?xf32>
  return %r : tensor<?xf32>
}"""


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name: str) -> None:
    operations, type_, line = OPERATIONS[name]
    module = f"""
    func.func @main(%x: tensor<?xf32> {{oxide.name = "x"}}) -> {type_} {{
      {operations}
      return %r : {type_}
    }} {SOFTMAX if "@softmax" in operations else ""}"""
    assert line in check(module, [numbers(1)], [numbers(3)], [numbers(8)])


def test_a_function_is_written_for_the_sizes_it_is_called_with() -> None:
    module = """
    func.func @main(%x: tensor<?x4xf32> {oxide.name = "x", oxide.shape = "rows, 4"}, %y: tensor<?x4xf32> {oxide.name = "y", oxide.shape = "2*rows, 4"}) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
      %0 = call @standard(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
      %1 = call @standard(%y) : (tensor<?x4xf32>) -> tensor<?x4xf32>
      return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
    }
    func.func private @standard(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %zero = stablehlo.constant dense<0.0> : tensor<f32>
      %four = stablehlo.constant dense<4> : tensor<1xi32>
      %n = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x4xf32>) -> tensor<i32>
      %v = stablehlo.reshape %n : (tensor<i32>) -> tensor<1xi32>
      %shape = stablehlo.concatenate %v, %four, dim = 0 : (tensor<1xi32>, tensor<1xi32>) -> tensor<2xi32>
      %sum = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<?x4xf32>, tensor<f32>) -> tensor<4xf32>
      %all = stablehlo.dynamic_broadcast_in_dim %sum, %shape, dims = [1] : (tensor<4xf32>, tensor<2xi32>) -> tensor<?x4xf32>
      %positions = stablehlo.dynamic_iota %shape, dim = 0 : (tensor<2xi32>) -> tensor<?x4xf32>
      %0 = stablehlo.subtract %x, %all : tensor<?x4xf32>
      %1 = stablehlo.multiply %0, %positions : tensor<?x4xf32>
      %2 = stablehlo.tanh %1 : tensor<?x4xf32>
      return %2 : tensor<?x4xf32>
    }"""
    check(module, [numbers(2, 4), numbers(4, 4)], [numbers(3, 4), numbers(6, 4)])
    text = source_of(module).text
    assert "def standard(x):\n    # x f32[rows,4]\n    rows = x.shape[0]\n" in text
    assert "    return standard(x), standard_2(y)" in text


# ----------------------------------------------------------------------------------------------- checks


def sized(first: str, second: str, constraints: str = "") -> str:
    return f"""
    func.func @main(%x: tensor<?xf32> {{oxide.name = "x", oxide.shape = "{first}"}}, %y: tensor<?xf32> {{oxide.name = "y", oxide.shape = "{second}"}}) -> (tensor<?xf32>, tensor<?xf32>){constraints} {{
      return %x, %y : tensor<?xf32>, tensor<?xf32>
    }}"""


@pytest.mark.parametrize(
    ("module", "fits", "misfits", "message"),
    [
        (sized("n", "n"), (3, 3), (3, 4), r"y has shape \(n\)"),
        (sized("n", "2*n + 1"), (3, 7), (3, 8), r"y has shape \(2\*n \+ 1\)"),
        (sized("n", "m", ' attributes {oxide.constraints = [{relation = "n >= m"}]}'), (3, 3), (3, 4), "n >= m"),
        (
            sized("n", "m", ' attributes {oxide.constraints = [{relation = "n == m"}]}'),
            (3, 3),
            (3, 4),
            r"y has shape \(n\)",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(module: str, fits: Any, misfits: Any, message: str) -> None:
    source = source_of(module)
    called(source, *(numbers(n) for n in fits))
    with pytest.raises(ValueError, match=message):
        called(source, *(numbers(n) for n in misfits))


def test_inputs_that_must_have_equal_sizes_share_a_name() -> None:
    module = """
    func.func @main(%x: tensor<?xf32> {oxide.name = "x"}, %y: tensor<?xf32> {oxide.name = "y"}) -> tensor<?xf32> {
      %0 = stablehlo.add %x, %y : tensor<?xf32>
      return %0 : tensor<?xf32>
    }"""
    body = check(module, [numbers(3), numbers(3)])
    assert body == '    n = x.shape[0]\n    require(y.shape == (n,), "y has shape (n)")\n    return x + y\n'


def test_a_size_that_the_program_fixes_is_checked() -> None:
    module = """
    func.func @main(%x: tensor<?xf32> {oxide.name = "x"}, %y: tensor<3xf32> {oxide.name = "y"}) -> tensor<?xf32> {
      %0 = stablehlo.add %x, %y : (tensor<?xf32>, tensor<3xf32>) -> tensor<?xf32>
      return %0 : tensor<?xf32>
    }"""
    body = check(module, [numbers(3), numbers(3)])
    assert body == '    require(x.shape == (3,), "x has shape (3)")\n    return x + y\n'
    with pytest.raises(ValueError, match="x has shape"):
        called(source_of(module), numbers(1), numbers(3))


def test_names_of_sizes_do_not_hide_others() -> None:
    body = body_of(sized("x", "jnp", ""))
    assert "return x, y" in body
    text = body_of("""
    func.func @main(%x: tensor<?x?xf32> {oxide.name = "seq", oxide.shape = "seq, 'batch size'"}) -> tensor<?xf32> {
      %0 = stablehlo.get_dimension_size %x, dim = 0 : (tensor<?x?xf32>) -> tensor<i32>
      %1 = stablehlo.get_dimension_size %x, dim = 1 : (tensor<?x?xf32>) -> tensor<i32>
      %2 = stablehlo.multiply %0, %1 : tensor<i32>
      %3 = stablehlo.reshape %2 : (tensor<i32>) -> tensor<1xi32>
      %4 = stablehlo.dynamic_iota %3, dim = 0 : (tensor<1xi32>) -> tensor<?xf32>
      return %4 : tensor<?xf32>
    }""")
    assert "seq_size, batch_size = seq.shape" in text


def test_shapes_that_depend_on_data_are_refused() -> None:
    module = """
    func.func @main(%n: tensor<1xi32>) -> tensor<?xf32> {
      %0 = stablehlo.dynamic_iota %n, dim = 0 : (tensor<1xi32>) -> tensor<?xf32>
      return %0 : tensor<?xf32>
    }"""
    with pytest.raises(OxideError) as caught:
        source_of(module)
    assert "dynamic_iota: its shape does not follow from the shapes of the inputs" in str(caught.value)
