"""A date on a command line."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """In UTC, where it does not say otherwise."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date, such as 2026-11-01") from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)
