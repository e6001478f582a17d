"""The append-only log: canonical payloads, leaf hashes, the tree over them. Pure; no Django.

An observer verifies a downloaded log with `python -m registry.ledger verify FILE`.
"""
