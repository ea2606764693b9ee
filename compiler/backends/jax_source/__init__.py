"""JAX source: a StableHLO module as one readable, self-contained Python file."""

from oxide.backends.jax_source.document import JaxSource, emit_jax_source

__all__ = ["JaxSource", "emit_jax_source"]
