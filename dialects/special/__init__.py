"""Special functions of float32 and float64 values, written with `hlo`.

They give what the functions' definitions say to the accuracy of the dtype, for every argument: limits at infinity
and at poles, NaN outside the domain.  Narrower floats are the caller's to widen.
"""

from oxide.dialects.special.bessel import (
    airy_ai,
    j,
    modified_i,
    modified_k,
    scaled_modified_i,
    scaled_modified_k,
    spherical_j0,
    y,
)
from oxide.dialects.special.errors import erfcx, log_ndtr, ndtr, ndtri
from oxide.dialects.special.gamma import digamma, igamma, igammac, polygamma, zeta
from oxide.dialects.special.polynomials import POLYNOMIALS

__all__ = [
    "POLYNOMIALS",
    "airy_ai",
    "digamma",
    "erfcx",
    "igamma",
    "igammac",
    "j",
    "log_ndtr",
    "modified_i",
    "modified_k",
    "ndtr",
    "ndtri",
    "polygamma",
    "scaled_modified_i",
    "scaled_modified_k",
    "spherical_j0",
    "y",
    "zeta",
]
