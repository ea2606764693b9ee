"""Operations of the `oxide` dialect as Python classes: there are none, `oxide.dims` is an `ir.Operation`.

MLIR's bindings import the module named after a dialect to find them, again for every operation until there is one.
"""
