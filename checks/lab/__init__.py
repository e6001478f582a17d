"""An imitated internet with censors, on loopback or between network namespaces: docs/lab.md.

`sites`, `networks` and `scenarios` are its data: what is served, who interferes with what, and what a visit
must therefore see. `python -m checks.lab --directory DIR` runs it and writes a world file per vantage.
"""
