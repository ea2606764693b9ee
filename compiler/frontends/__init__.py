"""Front ends: one folder each, every one produces a `Model` whose module is StableHLO."""
