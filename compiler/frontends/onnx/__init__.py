"""The ONNX front end: `import_onnx(model)` gives a Model."""

from __future__ import annotations

from oxide.dialects.diagnostics import OxideError

try:
    import onnx as _onnx  # noqa: F401
except ImportError as error:  # pragma: no cover - needs an environment without onnx
    raise OxideError("importing ONNX models needs the onnx package: pip install 'oxide-mlir[onnx]'") from error

from oxide.frontends.onnx.custom import Lowerings as OnnxLowerings
from oxide.frontends.onnx.importer import import_onnx

__all__ = ["OnnxLowerings", "import_onnx"]
