"""Command line tools: argument parsing and printing, no logic."""
