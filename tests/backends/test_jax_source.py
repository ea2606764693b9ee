"""The generated file as a whole: how it reads, its names, its parameters, what it refuses."""
# ruff: noqa: E501  (MLIR is easier to read unbroken)

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax_source_oracle import body_of, check, load, lowered, nested, source_of
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import chlo, stablehlo
from safetensors.numpy import save_file

from oxide.backends.jax_source import printer
from oxide.backends.jax_source.names import RESERVED, Namespace, identifier, variable_name
from oxide.backends.jax_source.registry import EMITTERS, REFUSED
from oxide.dialects import constants, dtypes
from oxide.dialects.context import make_context
from oxide.dialects.diagnostics import OxideError
from oxide.safetensors import write_safetensors

MLP = """
func.func @main(
    %x: tensor<2x4xf32> {oxide.name = "x"},
    %w: tensor<8x4xf32> {oxide.param = "fc.weight"}, %b: tensor<8xf32> {oxide.param = "fc.bias"}
) -> (tensor<2x8xf32> {oxide.name = "logits"}) {
  %0 = stablehlo.transpose %w, dims = [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %1 = stablehlo.dot_general %x, %0, contracting_dims = [1] x [0] : (tensor<2x4xf32>, tensor<4x8xf32>) -> tensor<2x8xf32>
  %2 = stablehlo.broadcast_in_dim %b, dims = [1] : (tensor<8xf32>) -> tensor<2x8xf32>
  %3 = stablehlo.add %1, %2 : tensor<2x8xf32>
  %4 = stablehlo.constant dense<0.0> : tensor<2x8xf32>
  %5 = stablehlo.maximum %3, %4 : tensor<2x8xf32>
  return %5 : tensor<2x8xf32>
}
"""


def identity(inputs: list[str], params: list[str], outputs: list[str] | None = None) -> str:
    """A module that returns its inputs plus its weights' sum, under the given names."""
    names = [f"oxide.name = {_quoted(n)}" for n in inputs] + [f"oxide.param = {_quoted(n)}" for n in params]
    arguments = ", ".join(f"%a{i}: tensor<3xf32> {{{n}}}" for i, n in enumerate(names))
    results = ", ".join(f"tensor<3xf32> {{oxide.name = {_quoted(n)}}}" for n in outputs or inputs)
    lines = [f"func.func @main({arguments}) -> ({results}) {{"]
    total = "%a0"
    for i in range(1, len(names)):
        lines.append(f"  %s{i} = stablehlo.add {total}, %a{i} : tensor<3xf32> loc({_quoted(names[i])})")
        total = f"%s{i}"
    returned = ", ".join([total] * len(outputs or inputs))
    lines.append(f"  return {returned} : {', '.join(['tensor<3xf32>'] * len(outputs or inputs))}")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return (
        '"'
        + "".join(c if c.isalnum() and c.isascii() else "".join(f"\\{b:02X}" for b in c.encode()) for c in text)
        + '"'
    )


# ---------------------------------------------------------------------------------------------- reading


def test_a_dense_layer_reads_as_one_line() -> None:
    assert 'return jax.nn.relu(x @ params["fc"]["weight"].T + params["fc"]["bias"])' in check(MLP)


def test_file_names_inputs_and_outputs_and_imports_what_it_uses() -> None:
    text = source_of(MLP, "mlp").text
    assert text.startswith('"""mlp as JAX source')
    assert 'INPUT_NAMES = ("x",)' in text
    assert 'OUTPUT_NAMES = ("logits",)' in text
    assert '"""x f32[2,4] -> logits f32[2,8]"""' in text
    assert [line for line in text.splitlines() if line.startswith(("import", "from"))] == [
        "from pathlib import Path",
        "import jax",
        "from safetensors.flax import load_file",
    ]


X = jnp.linspace(-2, 2, 24).reshape(2, 3, 4)
IDIOMS = {
    "mean": (lambda x: x.mean(-1, keepdims=True), [X], "arg0.mean(axis=2, keepdims=True)"),
    "sum": (lambda x: x.sum((0, 2)), [X], "return arg0.sum(axis=(0, 2))"),
    "argmax": (lambda x: jnp.argmax(x, 1), [X], "jnp.argmax(arg0, axis=1).astype(jnp.int32)"),
    "index": (lambda x, i: x[i], [X, jnp.array([1, -1])], "return arg0[arg1]"),
    "update": (lambda x, i: x.at[:, i].add(1.0), [X, jnp.array([1, -1])], "return arg0.at[:, arg1].add(1.0)"),
    "overwrite": (
        lambda x, i, y: x.at[i].set(y),
        [X, jnp.array([1, -5]), -X],
        "return arg0.at[arg1].set(arg2)",
    ),
    "pick": (lambda x: x[:, 1], [X], "return arg0[:, 1]"),
    "swap": (lambda x: jnp.swapaxes(x, 1, 2), [X], "return arg0.mT"),
    "einsum": (lambda x, y: jnp.einsum("abc,dc->abd", x, y), [X, X[0]], "return arg0 @ arg1.T"),
    "batched": (lambda x, y: jnp.einsum("abc,adc->abd", x, y), [X, X], "return arg0 @ arg1.mT"),
    "where": (lambda x: jnp.where(x > 0, x, 0.1 * x), [X], "jnp.where(arg0 > 0.0, arg0, 0.1 * arg0)"),
    "clip": (lambda x: jnp.clip(x, -1, 1), [X], "jnp.clip(arg0, -1.0, 1.0)"),
    "relu6": (lambda x: jax.lax.clamp(0.0, x, 6.0), [X], "jax.nn.relu6(arg0)"),
    "reshape": (lambda x: x.reshape(6, 4), [X], "return arg0.reshape(6, 4)"),
    "softmax": (jax.nn.softmax, [X], "powers / powers.sum(axis=2, keepdims=True)"),
    "sort": (lambda x: jnp.sort(x, axis=1), [X], "lax.sort(arg0, dimension=1)"),
    "cond": (
        lambda x: jax.lax.cond(x.sum() > 0, lambda: x * 2, lambda: -x),
        [X],
        "lax.cond(arg0.sum() > 0.0, lambda: arg0 * 2.0, lambda: -arg0)",
    ),
}


@pytest.mark.parametrize("idiom", IDIOMS)
def test_idiom(idiom: str) -> None:
    function, arguments, line = IDIOMS[idiom]
    module = lowered(function, *arguments)
    assert line in check(module, [np.asarray(a) for a in arguments])


PROGRAMS = {
    "scan": (lambda x: jax.lax.scan(lambda c, a: (c + a, c * a), x[0], x), [X[0]]),
    "random numbers": (lambda x: jax.random.normal(jax.random.key(0), (3, 4)) + x, [X[0]]),
    "attention": (lambda q: jax.nn.dot_product_attention(q, q, q), [X.reshape(1, 2, 3, 4)]),
    "gradient of pooling": (
        jax.grad(
            lambda x: (jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2), (1, 1, 2), "SAME") ** 2).sum()
        ),
        [X],
    ),
    "gradient of convolution": (
        jax.grad(lambda x, w: (jax.lax.conv(x, w, (2, 2), "SAME") ** 2).sum(), argnums=(0, 1)),
        [jnp.linspace(-1, 1, 96).reshape(1, 2, 6, 8), jnp.linspace(-1, 1, 54).reshape(3, 2, 3, 3)],
    ),
    "scatter": (lambda x, i: x.at[:, i].add(1.0), [X, jnp.array([1, -1])]),
    "eigh": (lambda x: jnp.linalg.eigh(x @ x.T)[0], [X[0]]),
    "solve": (lambda x: jnp.linalg.solve(x @ x.T + 5 * jnp.eye(3), x), [X[0]]),
    "svd": (lambda x: jnp.linalg.svd(x)[1], [X[0]]),
    "lexsort": (lambda x: jnp.lexsort((jnp.round(x[0]), jnp.round(x[1]))), [X[0]]),
    "while of vectors": (jax.vmap(lambda a: jax.lax.while_loop(lambda c: c.sum() < 9, lambda c: c + 1, a)), [X[0]]),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_jax_program_round_trips(program: str) -> None:
    function, arguments = PROGRAMS[program]
    check(lowered(function, *arguments), [np.asarray(a) for a in arguments], tolerance=1e-5)


def test_same_module_gives_same_text() -> None:
    module = lowered(*(PROGRAMS["attention"][0], *PROGRAMS["attention"][1]))
    assert source_of(module).text == source_of(module).text


def test_private_functions_are_written_once() -> None:
    text = body_of(
        lowered(lambda x: jax.scipy.special.logsumexp(x) + jax.scipy.special.logsumexp(2 * x), jnp.ones((3, 4)))
    )
    assert "def " not in text


def test_nothing_unused_is_written() -> None:
    assert (
        body_of("""
        func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
          %0 = stablehlo.exponential %x : tensor<3xf32>
          %1 = stablehlo.tanh %0 : tensor<3xf32>
          return %x : tensor<3xf32> }""").strip()
        == "return arg0"
    )


def test_variables_are_named_after_source_nodes() -> None:
    text = body_of("""
        func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
          %0 = stablehlo.exponential %x : tensor<3xf32> loc("/encoder/layer.0/act/Exp")
          %1 = stablehlo.add %0, %0 : tensor<3xf32>
          return %1 : tensor<3xf32> }""")
    assert "encoder_layer_0_act = jnp.exp(arg0)  # f32[3]\n" in text


def test_64_bit_types_ask_jax_for_them() -> None:
    text = check("func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> { return %x : tensor<3xf64> }")
    assert 'jax.config.update("jax_enable_x64", True)' in text
    assert "jax_enable_x64" not in source_of(MLP).text


# ------------------------------------------------------------------------------------------------ names

CANARY = "__import__('pathlib').Path('canary').touch()"
HOSTILE = [
    CANARY,
    f'"); {CANARY} #',
    f'"""\n{CANARY}\n"""',
    f"\\\n{CANARY}",
    f"x\r{CANARY}",
    f"x\u2028{CANARY}",
    "class",
    "None",
    "params",
    "jnp",
    "lax",
    "print",
    "__class__",
    "__builtins__",
    "",
    " ",
    "\x00",
    "\u202e}{",
    "ｊｎｐ",
    "ℯ",
    "été",
    "1x",
    "a.b",
    "a_b",
    "a b",
    "A_B",
    "forward",
    "load_params",
    "x_2",
    "x",
]


def test_hostile_input_names_stay_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = source_of(identity(HOSTILE, []), name=f'"""{CANARY}')
    namespace = load(source)
    tree = ast.parse(source.text)
    forward = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "forward")
    parameters = [a.arg for a in forward.args.args]
    assert len(set(parameters)) == len(HOSTILE) + 1
    assert namespace["INPUT_NAMES"] == tuple(HOSTILE)
    ones = [np.ones(3, np.float32)] * len(HOSTILE)
    assert np.all(namespace["forward"]({}, *ones)[0] == len(HOSTILE))
    assert not (tmp_path / "canary").exists()


def test_hostile_weight_names_stay_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = [n for n in HOSTILE if n]
    source = source_of(identity(["x"], weights))
    namespace = load(source)
    values = {name: np.full(3, i, np.float32) for i, name in enumerate(weights)}
    total = namespace["forward"](nested(values), np.zeros(3, np.float32))
    assert np.all(total == sum(range(len(weights))))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_locations_and_functions_stay_data(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quoted = _quoted(name)
    symbol = f"@{quoted}" if name else "@f"
    module = f"""
        func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {{
          %0 = call {symbol}(%x) : (tensor<3xf32>) -> tensor<3xf32> loc({quoted})
          %1 = stablehlo.add %0, %0 : tensor<3xf32> loc({quoted})
          return %1 : tensor<3xf32> }}
        func.func private {symbol}(%x: tensor<3xf32>) -> tensor<3xf32> {{
          %0 = stablehlo.tanh %x : tensor<3xf32> loc({quoted})
          %1 = stablehlo.add %0, %0 : tensor<3xf32> loc({quoted})
          %2 = stablehlo.multiply %1, %1 : tensor<3xf32> loc({quoted})
          %3 = stablehlo.add %2, %1 : tensor<3xf32> loc({quoted})
          return %3 : tensor<3xf32> }}"""
    namespace = load(source_of(module))
    x = np.array([0.1, 0.2, 0.3], np.float32)
    double = 2 * np.tanh(x)
    np.testing.assert_allclose(namespace["forward"]({}, x), 2 * (double * double + double), rtol=1e-6)
    assert not (tmp_path / "canary").exists()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=12), unique=True, max_size=20))
def test_names_become_distinct_identifiers(names: list[str]) -> None:
    namespace = Namespace()
    chosen = [namespace.fresh(identifier(n)) for n in names]
    assert len(set(chosen)) == len(names)
    assert all(c.isidentifier() and c.isascii() and c not in RESERVED and not c.startswith("_") for c in chosen)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/layer1/conv1/Conv", "layer1_conv1"),
        ("/layer1/conv1/Conv_12", "layer1_conv1"),
        ("conv1", "conv1"),
        ("node_linear_1", "linear_1"),
        ("node_1", "x1"),
        ("encoder.layers.0", "encoder_layers_0"),
        ("jit(f)/while/body/add", ""),
        ("", ""),
    ],
)
def test_variable_name(source: str, expected: str) -> None:
    assert variable_name(source) == expected


# ------------------------------------------------------------------------------------------- parameters


def run_file(folder: Path, text: str, tensors: dict[str, np.ndarray]) -> str:
    """Run the file in a fresh process as a user would: load_params() and forward."""
    (folder / "model.py").write_text(text)
    save_file(tensors, folder / "model.safetensors")
    return run(folder)


def run(folder: Path) -> str:
    program = (
        "import model, numpy as np; print(model.forward(model.load_params(), np.zeros(3, np.float32)).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_load_params_reads_the_file_beside_it(tmp_path: Path) -> None:
    names = ["a.b", "a.c.d", "e", "f."]
    source = source_of(identity(["x"], names))
    values = {n: np.full(3, 10.0**i, np.float32) for i, n in enumerate(names)}
    assert run_file(tmp_path, source.text, values) == "[1111.0, 1111.0, 1111.0]"


def test_a_weight_may_be_a_prefix_of_another(tmp_path: Path) -> None:
    names = ["a", "a.b", "a.b.c", "d.e", "d.e.f", "g.h"]
    source = source_of(identity(["x"], names))
    assert 'params["a.b.c"]' in source.text
    assert 'params["d"]["e"]' in source.text
    values = {n: np.full(3, 10.0**i, np.float32) for i, n in enumerate(names)}
    assert run_file(tmp_path, source.text, values) == "[111111.0, 111111.0, 111111.0]"


@pytest.mark.parametrize(
    "element", ["f32", "bf16", "i4", "ui8", "i1", "f64", "complex<f32>", "f8E4M3FN", "f8E8M0FNU"]
)
def test_long_constants_go_to_the_parameters_file(element: str) -> None:
    dtype = dtypes.from_spelling(element)
    value = (np.arange(40) * 7 % 5).astype(np.float32)
    value = np.where(value == 0, 1, value).astype(dtype) if element == "f8E8M0FNU" else value.astype(dtype)
    with make_context(), ir.Location.unknown():
        attribute = str(constants.dense(value))
    module = f"""func.func @main() -> tensor<40x{element}> {{
        %0 = stablehlo.constant {attribute.split(" : tensor")[0]} : tensor<40x{element}> return %0 : tensor<40x{element}> }}"""
    source = source_of(module)
    assert list(source.constants) == ["constants.constant"]
    assert len(source.text) < 1500
    check(module, expected=[value])


def test_weights_of_types_safetensors_lacks_are_read(tmp_path: Path) -> None:
    elements = ["f8E4M3FN", "f8E4M3B11FNUZ", "i4", "complex<f64>", "bf16", "i1"]
    arguments = ", ".join(f'%a{i}: tensor<3x{e}> {{oxide.param = "w{i}"}}' for i, e in enumerate(elements))
    lines = [f"%f{i} = stablehlo.convert %a{i} : (tensor<3x{e}>) -> tensor<3xf32>" for i, e in enumerate(elements)]
    sums = [f"%s{i + 1} = stablehlo.add %s{i}, %f{i} : tensor<3xf32>" for i in range(len(elements))]
    body = "\n".join([*lines, *sums])
    module = f"""func.func @main(%s0: tensor<3xf32>, {arguments}) -> tensor<3xf32> {{
        {body}
        return %s{len(elements)} : tensor<3xf32> }}"""
    values = {f"w{i}": np.ones(3).astype(dtypes.from_spelling(e)) for i, e in enumerate(elements)}
    (tmp_path / "model.py").write_text(source_of(module).text)
    write_safetensors(tmp_path / "model.safetensors", values)
    assert run(tmp_path) == "[6.0, 6.0, 6.0]"


def test_constants_avoid_a_weight_of_their_name() -> None:
    long = ", ".join(str(i * i) for i in range(40))
    text = f"""func.func @main(%w: tensor<40xi32> {{oxide.param = "constants.constant"}}) -> tensor<40xi32> {{
        %0 = stablehlo.constant dense<[{long}]> : tensor<40xi32>
        %1 = stablehlo.add %0, %w : tensor<40xi32>
        return %1 : tensor<40xi32> }}"""
    assert list(source_of(text).constants) == ["constants_.constant"]
    check(text)


# ---------------------------------------------------------------------------------------------- refusals


def all_operations() -> set[str]:
    found = set()
    for dialect in (stablehlo, chlo):
        found |= {getattr(dialect, n).OPERATION_NAME for n in dir(dialect) if n.endswith("Op")}
    return found - {"stablehlo.constant", "stablehlo.return"}


def test_every_operation_is_written_or_refused_with_a_reason() -> None:
    assert all_operations() == {n for n in EMITTERS | REFUSED if n.startswith(("stablehlo.", "chlo."))}
    assert all(len(reason) > 20 for reason in REFUSED.values())


def test_all_refusals_come_at_once_with_their_places() -> None:
    with pytest.raises(OxideError) as refused:
        source_of("""
            func.func @main(%x: tensor<3xf32>, %s: tensor<1xi64>) -> tensor<3xf32> {
              %0 = "stablehlo.all_reduce"(%x) ({ ^bb0(%a: tensor<f32>, %b: tensor<f32>):
                %r = stablehlo.add %a, %b : tensor<f32>
                stablehlo.return %r : tensor<f32> }) {replica_groups = dense<0> : tensor<1x1xi64>} : (tensor<3xf32>) -> tensor<3xf32> loc("sync")
              %1 = stablehlo.custom_call @mystery(%0) : (tensor<3xf32>) -> tensor<3xf32> loc("magic")
              return %1 : tensor<3xf32> }""")
    text = str(refused.value)
    assert 'loc("sync"): error: stablehlo.all_reduce: it talks to other devices' in text
    assert "loc(\"magic\"): error: stablehlo.custom_call: the custom call target 'mystery'" in text


def test_recursion_is_refused() -> None:
    with pytest.raises(OxideError, match="calls itself"):
        source_of("""
            func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
              %0 = stablehlo.composite "oxide.fusion" %x {decomposition = @f} : (tensor<3xf32>) -> tensor<3xf32>
              return %0 : tensor<3xf32> }
            func.func private @f(%x: tensor<3xf32>) -> tensor<3xf32> {
              %0 = stablehlo.composite "oxide.fusion" %x {decomposition = @f} : (tensor<3xf32>) -> tensor<3xf32>
              return %0 : tensor<3xf32> }""")


def test_deep_nesting_is_refused() -> None:
    depth = 400
    opening = "\n".join(f'%{i} = "stablehlo.if"(%p) ({{' for i in range(depth))
    closing = "\n".join(
        f"stablehlo.return %{i} : tensor<f32> }}, {{ stablehlo.return %x : tensor<f32> }}) : (tensor<i1>) -> tensor<f32>"
        for i in reversed(range(1, depth + 1))
    )
    module = f"""func.func @main(%p: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {{
        {opening}
        %{depth} = stablehlo.negate %x : tensor<f32>
        {closing}
        return %0 : tensor<f32> }}"""
    with pytest.raises(OxideError, match="nested too deeply"):
        source_of(module)


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("tensor<*xf32>", "not an array"),
        ("tensor<3x!quant.uniform<i8:f32, 0.5>>", "does not exist in JAX"),
        ("!stablehlo.token", "not an array"),
    ],
)
def test_types_jax_does_not_have_are_refused(type_: str, message: str) -> None:
    with pytest.raises(OxideError, match=message):
        source_of(f"func.func @main(%x: {type_}) -> {type_} {{ return %x : {type_} }}")


# ---------------------------------------------------------------------------------------------- printer


def expressions() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(["x", "longer_name", "1", "2.5", '"text"', "-1", "jnp.inf", "()", "[]", "(1,)"])

    def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(
            ["+", "-", "*", "/", "@", "**", "&", "|", "^", "<<", ">>", "<", "<=", "==", "!="]
        )
        return st.one_of(
            st.tuples(inner, operators, inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
            st.tuples(inner, inner).map(lambda t: f"some.function({t[0]}, keyword={t[1]})"),
            st.tuples(inner, inner).map(lambda t: f"({t[0]})[:, {t[1]}:, None]"),
            st.lists(inner, min_size=1, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
            st.lists(inner, min_size=1, max_size=4).map(lambda items: f"({', '.join(items)},)"),
            inner.map(lambda t: f"(lambda a, b: {t})"),
            inner.map(lambda t: f"-({t})"),
            inner.map(lambda t: f"~({t})"),
            inner.map(lambda t: f"({t}).T"),
            inner.map(lambda t: f"f(*({t}), g=1)(2)"),
        )

    return st.recursive(atoms, deeper, max_leaves=30)


@settings(max_examples=300, deadline=None)
@given(expressions(), st.integers(0, 12))
def test_printed_code_parses_to_the_same_tree(text: str, indent: int) -> None:
    tree = ast.parse(f"target = {text}")
    printed = "\n".join(printer.statements(tree.body, indent))
    margin = "if 1:\n" if indent else ""
    again = ast.parse(margin + printed)
    body = again.body[0].body if indent else again.body  # type: ignore[attr-defined]
    assert ast.dump(ast.Module(body, [])) == ast.dump(tree)


@given(st.text())
def test_docstrings_say_what_they_were_given(text: str) -> None:
    if "\r" in text or "\x00" in text or not text.isprintable():
        text = "".join(c for c in text if c.isprintable() or c == "\n")
    value = ast.literal_eval(printer.docstring(text))
    assert value.rstrip("\n") == text.rstrip("\n")


@given(st.text())
def test_string_literals_survive(text: str) -> None:
    literal = printer.quoted(text)
    assert ast.literal_eval(literal) == text
    assert literal.isprintable()
