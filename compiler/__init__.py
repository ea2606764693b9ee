"""Oxide: lower ONNX, PyTorch, JAX and MLIR models to StableHLO, and from there to where they must run.

The names below are the public API.  They are loaded on first use, so that `import oxide` stays cheap and
needs neither torch nor onnx; a front end says which extra to install.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# XLA's informational log lines say nothing about the model.  JAX silences them in the same way when it is the first
# to load jaxlib, which here it is not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from oxide.backends.pjrt import Executable
    from oxide.dialects.diagnostics import OxideError
    from oxide.frontends.jax import import_jax
    from oxide.frontends.onnx import OnnxLowerings, import_onnx
    from oxide.frontends.torch import import_torch
    from oxide.loading import load
    from oxide.model import Model

__all__ = [
    "Executable",
    "Model",
    "OnnxLowerings",
    "OxideError",
    "__version__",
    "import_jax",
    "import_onnx",
    "import_torch",
    "load",
]

_HOME = {
    "Executable": "oxide.backends.pjrt",
    "Model": "oxide.model",
    "OnnxLowerings": "oxide.frontends.onnx",
    "OxideError": "oxide.dialects.diagnostics",
    "import_jax": "oxide.frontends.jax",
    "import_onnx": "oxide.frontends.onnx",
    "import_torch": "oxide.frontends.torch",
    "load": "oxide.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'oxide' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
