"""The IR layer: contexts, the rewrite shim, typed StableHLO builders and the `oxide.*` composites."""
