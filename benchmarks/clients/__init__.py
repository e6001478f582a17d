"""The programs that are measured, each a process of its own; `benchmarks.job` says how they are talked to."""
