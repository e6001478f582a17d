"""Measures the engine beside other tools. `python -m benchmarks.engine` explains itself with --help."""
