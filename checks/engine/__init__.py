"""Measures: resolve, connect, handshake, fetch. Records what happened and concludes nothing.

No Django and no database in here; `checks.verdict` says what a measurement means.
"""
