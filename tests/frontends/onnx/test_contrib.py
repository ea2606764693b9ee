"""com.microsoft operators against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from oxide import OxideError, import_onnx

rng = np.random.default_rng(11)
KINDS = {np.dtype(k): v for k, v in ((np.float32, 1), (np.uint8, 2), (np.int8, 3), (np.int32, 6), (np.int64, 7))}


@pytest.fixture(autouse=True)
def fresh_numbers():
    """Every test draws the same numbers, whichever ran before it on this worker."""
    global rng
    rng = np.random.default_rng(11)


def normal(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def build(op, inputs, outputs, domain="com.microsoft", fixed=(), **attributes):
    """`inputs` are arrays or None; those whose index is in `fixed` become initializers."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(
        op, names, [f"y{i}" for i in range(len(outputs))], domain=domain, name="tested", **attributes
    )
    given = [(n, x) for i, (n, x) in enumerate(zip(names, inputs, strict=True)) if x is not None and i not in fixed]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, KINDS[x.dtype], x.shape) for n, x in given],
        [helper.make_tensor_value_info(f"y{i}", kind, None) for i, kind in enumerate(outputs)],
        [numpy_helper.from_array(inputs[i], names[i]) for i in fixed],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8), dict(given)


def check(op, *inputs, outputs=(TensorProto.FLOAT,), rtol=1e-4, atol=1e-5, **options):
    """Our results are onnxruntime's."""
    proto, feeds = build(op, inputs, outputs, **options)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    have = import_onnx(proto).compile(cache=False).run(feeds)
    for ours, theirs in zip(have.values(), map(np.asarray, session.run(None, feeds)), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("flips", [{}, {"transA": 1}, {"transB": 1, "alpha": 0.5}, {"transBatchA": 1}])
def test_fused_matmul(flips):
    a = {(1, 0): (2, 4, 3), (0, 1): (3, 2, 4)}.get((flips.get("transA", 0), flips.get("transBatchA", 0)), (2, 3, 4))
    b = (2, 5, 4) if flips.get("transB") else (2, 4, 5)
    check("FusedMatMul", normal(*a), normal(*b), **flips)


@pytest.mark.parametrize(
    ("op", "shapes"), [("BiasGelu", [(2, 6), (6,)]), ("FastGelu", [(2, 6), (6,)]), ("FastGelu", [(2, 6)])]
)
def test_gelus(op, shapes):
    check(op, *(normal(*shape) for shape in shapes))


def test_gelu_and_quick_gelu():
    check("Gelu", normal(3, 5))
    check("QuickGelu", normal(3, 5), alpha=1.5)


@pytest.mark.parametrize("bias", [False, True])
def test_skip_norms(bias):
    x, skip, gamma, beta, extra = normal(2, 3, 8), normal(2, 3, 8), normal(8), normal(8), normal(8)
    check("SkipLayerNormalization", x, skip, gamma, beta, extra if bias else None, epsilon=1e-5)
    check("SkipSimplifiedLayerNormalization", x, skip, gamma, *[extra] * bias, epsilon=1e-5)


def test_skip_norm_gives_the_sum():
    proto, feeds = build("SkipLayerNormalization", [normal(1, 2, 4), normal(1, 2, 4), normal(4)], [1])
    proto.graph.node[0].output.extend(["", "", "sum"])
    proto.graph.output.append(helper.make_tensor_value_info("sum", 1, None))
    results = import_onnx(proto).compile(cache=False).run(feeds)
    np.testing.assert_allclose(results["sum"], feeds["x0"] + feeds["x1"], rtol=1e-6)


def test_simplified_layer_norm():
    check("SimplifiedLayerNormalization", normal(2, 3, 8), normal(8), domain="", outputs=(1, 1))


@pytest.mark.parametrize("segments", [False, True])
def test_embed_layer_norm(segments):
    ids = rng.integers(0, 9, (2, 4)).astype(np.int32)
    kinds = rng.integers(0, 2, (2, 4)).astype(np.int32) if segments else None
    tables = [normal(9, 6), normal(5, 6), normal(2, 6) if segments else None]
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
    check("EmbedLayerNormalization", ids, kinds, *tables, normal(6), normal(6), mask, outputs=(1, 6), epsilon=1e-5)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("zeros", [False, True])
def test_matmul_n_bits(bits, zeros):
    k, n, block = 48, 5, 16
    blocks = k // block
    weight = rng.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8)
    points = rng.integers(0, 256, n * -(-blocks * bits // 8)).astype(np.uint8) if zeros else None
    arrays = [normal(3, k), weight, normal(n * blocks), points]
    inputs = arrays if zeros else arrays[:3]
    fixed = range(1, len(inputs))
    check("MatMulNBits", *inputs, fixed=fixed, K=k, N=n, bits=bits, block_size=block, rtol=1e-3, atol=1e-3)


# ---------------------------------------------------------------------------------------------- attention


@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("bias", [False, True])
def test_multi_head_attention(unidirectional, bias):
    q, k, v = normal(2, 3, 8), normal(2, 3, 8), normal(2, 3, 8)
    options = {"num_heads": 2, "unidirectional": unidirectional}
    check("MultiHeadAttention", q, k, v, *[normal(24)] * bias, **options)


def test_multi_head_attention_with_padding_and_bias():
    q, k, v, bias = normal(2, 3, 8), normal(2, 5, 8), normal(2, 5, 8), normal(2, 2, 3, 5)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    check("MultiHeadAttention", q, k, v, None, mask, bias, num_heads=2)


def test_multi_head_attention_with_a_cache():
    q, k, v, past = normal(2, 1, 8), normal(2, 1, 8), normal(2, 1, 8), normal(2, 2, 4, 4)
    inputs = [q, k, v, None, None, None, past, normal(2, 2, 4, 4)]
    check("MultiHeadAttention", *inputs, outputs=(1, 1, 1), num_heads=2)


def test_multi_head_attention_packed():
    """onnxruntime's CPU kernel does not take packed ones, so they are compared with unpacked ones."""
    q, k, v = normal(2, 3, 2, 4), normal(2, 3, 2, 4), normal(2, 3, 2, 4)
    layouts = [
        [x.reshape(2, 3, 8) for x in (q, k, v)],
        [np.stack([q, k, v], 3)],
        [q.reshape(2, 3, 8), np.stack([k, v], 3)],
    ]
    results = []
    for arrays in layouts:
        proto, feeds = build("MultiHeadAttention", arrays, [1], num_heads=2)
        results.append(np.asarray(import_onnx(proto).compile(cache=False)(*feeds.values())))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-6)


def gqa_inputs(batch, length, past, total, lengths, packed=False, rotary=False, size=16):
    width = {"q": 4 * size, "k": 2 * size}
    qkv = [normal(batch, length, width["q"]), normal(batch, length, width["k"]), normal(batch, length, width["k"])]
    if packed:
        qkv = [np.concatenate(qkv, 2), None, None]
    caches = [normal(batch, 2, past, size), normal(batch, 2, past, size)]
    angles = rng.uniform(0, 6, (32, size // 2)).astype(np.float32)
    tables = [np.cos(angles), np.sin(angles)] if rotary else []
    return [*qkv, *caches, np.array(lengths, np.int32) - 1, np.array(total, np.int32), *tables]


GQA = {"num_heads": 4, "kv_num_heads": 2, "outputs": (1, 1, 1), "fixed": (6,)}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("window", [-1, 3])
def test_group_query_attention_decodes(packed, rotary, window):
    inputs = gqa_inputs(2, 1, 6, 7, [7, 5], packed, bool(rotary))
    proto, feeds = build("GroupQueryAttention", inputs, do_rotary=rotary, local_window_size=window, **GQA)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = [np.asarray(v) for v in session.run(None, feeds)]
    ours = [np.asarray(v) for v in import_onnx(proto).compile(cache=False)(*feeds.values())]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-5)
    for have, want in zip(ours[1:], theirs[1:], strict=True):  # what lies behind a sample's keys is unspecified
        np.testing.assert_allclose(have[0], want[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(have[1, :, :5], want[1, :, :5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("softcap", [0.0, 2.0])
def test_group_query_attention_of_a_prompt(rotary, softcap):
    inputs = gqa_inputs(1, 4, 0, 4, [4], rotary=bool(rotary))
    inputs[3] = inputs[4] = None  # no past
    check("GroupQueryAttention", *inputs, do_rotary=rotary, softcap=softcap, **GQA)


@pytest.mark.parametrize("rotary", [0, 1])
def test_group_query_attention_with_norms(rotary):
    """onnxruntime's CPU kernel does not norm q and k, so it gets normed ones."""
    inputs = gqa_inputs(1, 4, 0, 4, [4], rotary=bool(rotary))
    inputs[3] = inputs[4] = None
    weights = [normal(16) + 1, normal(16) + 1]
    rms = [np.sqrt((x.reshape(1, 4, -1, 16) ** 2).mean(-1, keepdims=True) + 1e-6) for x in inputs[:2]]
    normed = [
        (x.reshape((*r.shape[:3], 16)) / r * w).reshape(x.shape)
        for x, r, w in zip(inputs[:2], rms, weights, strict=True)
    ]
    theirs, feeds = build("GroupQueryAttention", [*normed, *inputs[2:]], do_rotary=rotary, **GQA)
    session = onnxruntime.InferenceSession(theirs.SerializeToString(), providers=["CPUExecutionProvider"])
    want = session.run(None, feeds)
    inputs += [None] * (14 - len(inputs)) + weights
    proto, feeds = build("GroupQueryAttention", inputs, do_rotary=rotary, **GQA)
    for have, expected in zip(import_onnx(proto).compile(cache=False)(*feeds.values()), want, strict=True):
        np.testing.assert_allclose(np.asarray(have), np.asarray(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("softcap", [0.0, 2.0])
@pytest.mark.parametrize("sink", [False, True])
def test_group_query_attention_with_a_sink(softcap, sink):
    """A score of each head's own, or zero (smooth_softmax), takes its share of the softmax."""
    inputs = gqa_inputs(1, 4, 0, 4, [4])
    inputs[3] = inputs[4] = None
    inputs += [None] * (11 - len(inputs)) + ([normal(GQA["num_heads"])] if sink else [])
    options = {} if sink else {"smooth_softmax": 1}
    check("GroupQueryAttention", *inputs, softcap=softcap, local_window_size=2, **options, **GQA)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("heads_first", [False, True])
@pytest.mark.parametrize("start", [False, True])
def test_rotary_embedding(interleaved, heads_first, start):
    x = normal(2, 4, 3, 8) if heads_first else normal(2, 3, 32)
    positions = np.array([2], np.int64) if start else rng.integers(0, 9, (2, 3))
    angles = rng.uniform(0, 6, (10, 4)).astype(np.float32)
    check("RotaryEmbedding", x, positions, np.cos(angles), np.sin(angles), interleaved=interleaved)


def test_unsupported_features_are_refused():
    inputs = gqa_inputs(1, 1, 2, 3, [3])
    proto, _ = build("GroupQueryAttention", inputs, qk_output=1, **GQA)
    with pytest.raises(OxideError, match=r"(?s)tested.*not supported"):
        import_onnx(proto)


# ---------------------------------------------------------------------------------------------- quantised


def codes(*shape):
    return rng.integers(0, 256, shape).astype(np.uint8)


def scale(value):
    return np.array(value, np.float32)


ZERO = np.array(120, np.uint8)
QUANTIZED = {"outputs": (TensorProto.UINT8,), "rtol": 0, "atol": 1}  # onnxruntime rounds a few ties otherwise


@pytest.mark.parametrize(("op", "result"), [("QLinearAdd", 0.05), ("QLinearMul", 0.1)])
def test_quantized_binary(op, result):
    operands = [codes(2, 3, 4), scale(0.02), ZERO, codes(3, 1), scale(0.03), ZERO]
    check(op, *operands, scale(result), ZERO, fixed=(1, 2, 4, 5, 6, 7), **QUANTIZED)


@pytest.mark.parametrize(("op", "options"), [("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.2})])
def test_quantized_activations(op, options):
    inputs = [codes(2, 9), scale(0.05), ZERO, scale(0.01), np.array(3, np.uint8)]
    check(op, *inputs, fixed=(1, 2, 3, 4), **options, **QUANTIZED)


@pytest.mark.parametrize("include", [0, 1])
def test_quantized_average_pool(include):
    inputs = [codes(1, 2, 6, 6), scale(0.05), ZERO, scale(0.04), ZERO]
    options = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "count_include_pad": include}
    check("QLinearAveragePool", *inputs, fixed=(1, 2, 3, 4), **options, **QUANTIZED)


@pytest.mark.parametrize("channels_last", [0, 1])
def test_quantized_global_average_pool(channels_last):
    inputs = [codes(2, 5, 5, 5), scale(0.05), ZERO, scale(0.04), ZERO]
    check("QLinearGlobalAveragePool", *inputs, fixed=(1, 2, 3, 4), channels_last=channels_last, **QUANTIZED)


def test_quantized_concat():
    triples = [codes(2, 3), scale(0.1), ZERO, codes(2, 2), scale(0.05), np.array(9, np.uint8)]
    check("QLinearConcat", scale(0.08), ZERO, *triples, fixed=(0, 1, 3, 4, 6, 7), axis=1, **QUANTIZED)
