"""The `oxide.*` composites: operations whose meaning survives import (DESIGN section 2.4).

with composites.library(module):
    y, = composites.build("softmax", [x], axis=1)
"""

from oxide.dialects.composites import definitions as _definitions
from oxide.dialects.composites import factorizations as _factorizations
from oxide.dialects.composites import quantised as _quantised
from oxide.dialects.composites import sequences as _sequences
from oxide.dialects.composites.registry import (
    PREFIX,
    REGISTRY,
    Composite,
    Library,
    attributes_of,
    build,
    from_attribute,
    library,
    to_attribute,
    verify_composite,
)

__all__ = [
    "PREFIX",
    "REGISTRY",
    "Composite",
    "Library",
    "attributes_of",
    "build",
    "from_attribute",
    "library",
    "to_attribute",
    "verify_composite",
]
del _definitions, _factorizations, _quantised, _sequences
