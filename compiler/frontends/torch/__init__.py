"""The PyTorch front end: `import_torch(module_or_program, args)` gives a Model."""

from __future__ import annotations

from oxide.dialects.diagnostics import OxideError

try:
    import torch as _torch  # noqa: F401
except ImportError as error:  # pragma: no cover - needs an environment without torch
    raise OxideError("importing PyTorch models needs the torch package: pip install 'oxide-mlir[torch]'") from error

from oxide.frontends.torch.importer import example_tensor, import_torch, load_exported
from oxide.frontends.torch.lower import lower_graph_module

__all__ = ["example_tensor", "import_torch", "load_exported", "lower_graph_module"]
