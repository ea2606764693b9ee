"""Back ends: one folder each, every one consumes a StableHLO module and knows nothing of its source."""
