"""How a conformance case ended, for runners of one's own; `conformance.official` runs ONNX's cases as they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """`status` is pass, wrong, unsupported (an OxideError) or crash (any other exception)."""

    case: str
    status: str
    detail: str = ""
