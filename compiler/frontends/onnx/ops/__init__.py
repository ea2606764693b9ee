"""Lowerings, one file a family of operators; importing this package registers them all."""
