"""The compile options Oxide sets by itself keep XLA's results right."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import oxide


def mean_of_splat_convolution(x: jax.Array) -> jax.Array:
    kernel = jnp.full((1000, 512, 1, 1), 0.02, jnp.float32)
    y = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return jax.nn.relu(y + 0.02).sum((2, 3)) / 169


def test_a_convolution_by_a_splat_kernel_is_not_miscompiled() -> None:
    """With its YNN fusions XLA answers 0 (jaxlib 0.10.2), which `jax.jit` of this function shows."""
    x = np.random.default_rng(0).random((1, 512, 13, 13), np.float32)
    expected = np.broadcast_to(x.sum(1).mean() * 0.02 + 0.02, (1, 1000))
    result = oxide.import_jax(mean_of_splat_convolution, x).compile(cache=False)(x)
    np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-5)


def test_options_of_the_caller_override_the_defaults() -> None:
    x = np.random.default_rng(0).random((1, 512, 13, 13), np.float32)
    model = oxide.import_jax(mean_of_splat_convolution, x)
    types = "LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION,LIBRARY_FUSION_TYPE_REDUCE"
    fused = model.compile(cache=False, options={"xla_cpu_experimental_ynn_fusion_type": types})
    assert "__ynn_fusion" in fused.hlo()
    assert "__ynn_fusion" not in model.compile(cache=False).hlo()
