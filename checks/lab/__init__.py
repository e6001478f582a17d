"""An imitated internet on loopback, with censors: for the demo, the tests and the benchmarks.

`sites` and `networks` are its data: what is served, who interferes with what, and what a visit must
therefore see. `python -m checks.lab --directory DIR` runs it and writes a world file per vantage.
"""
