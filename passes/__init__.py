"""The pass manager and the passes: one file each, all values, all reachable by name."""
