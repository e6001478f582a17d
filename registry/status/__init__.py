"""The public answer: acts × listings × statements × episodes, per network and over all (docs/data.md)."""

from registry.status.conclusion import Conclusion, Counts, Listing, NetworkState
from registry.status.crossing import Recorded, Seen, Status, cross, is_over, observe
from registry.status.reading import disputed, listings_of, of, of_many, of_many_and_targets, of_targets
from registry.status.standings import CrossField, CrossTable, count, count_if_due, cross_table, in_state
from registry.status.terms import (
    ACT_KNOWN,
    OVER,
    UNREACHABLE,
    Legal,
    Listed,
    Observed,
    Said,
    Situation,
    Sure,
    situation_of,
)

__all__ = [
    "ACT_KNOWN",
    "OVER",
    "UNREACHABLE",
    "Conclusion",
    "Counts",
    "CrossField",
    "CrossTable",
    "Legal",
    "Listed",
    "Listing",
    "NetworkState",
    "Observed",
    "Recorded",
    "Said",
    "Seen",
    "Situation",
    "Status",
    "Sure",
    "count",
    "count_if_due",
    "cross",
    "cross_table",
    "disputed",
    "in_state",
    "is_over",
    "listings_of",
    "observe",
    "of",
    "of_many",
    "of_many_and_targets",
    "of_targets",
    "situation_of",
]
