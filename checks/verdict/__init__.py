"""Judges measurements: facts, fingerprints, rules as data. Measures nothing and knows no database."""
