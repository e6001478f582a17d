"""A date on a command line."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

# Far from where Python's calendar ends, for whoever reads a date adds days to it and takes some away.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    """In UTC, where it does not say otherwise."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date, such as 2026-11-01") from None
    at = given if given.tzinfo else given.replace(tzinfo=UTC)
    if not EARLIEST <= at < LATEST:
        raise ArgumentTypeError(f"{text!r} is not between {EARLIEST.date()} and {LATEST.date()}")
    return at.astimezone(UTC)
