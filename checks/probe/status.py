"""How a probe stands, in words: a small file that the running one writes, and a line for each vantage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from checks.probe.config import Config
from checks.probe.messages import Moment

EVERY = 10.0  # seconds, where nothing changes
SILENT = 40.0  # seconds after which whoever wrote it is not there any more


@dataclass(frozen=True, slots=True)
class VantageStatus:
    name: str
    at_work: int  # runs
    visited: int  # visits that are finished in them
    asked: int  # all visits in them
    queued: int  # runs that wait to be begun
    waiting: int  # runs that are finished and wait for their receipt
    received: Moment | None  # the last receipt
    trouble: str  # why the register was not reached when it was last tried


@dataclass(frozen=True, slots=True)
class Status:
    written: Moment
    way: str
    full: bool
    vantages: tuple[VantageStatus, ...]


class StatusFile:
    def __init__(self, config: Config) -> None:
        self._path, self._way = _path(config), _way(config)
        self._last: Status | None = None
        self._written = 0.0  # of time.monotonic()

    def write(self, vantages: Sequence[VantageStatus], *, full: bool) -> None:
        """Unless the file says the same already."""
        status = Status(datetime.now(UTC), self._way, full, tuple(vantages))
        unchanged = self._last is not None and replace(status, written=self._last.written) == self._last
        if unchanged and time.monotonic() - self._written < EVERY:
            return
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(status))
        partial.replace(self._path)
        self._last, self._written = status, time.monotonic()


def tell(config: Config, at: datetime, *, runs: bool) -> tuple[bool, str]:
    """Whether a probe runs here and gets on, and how it stands. `runs`: it holds the lock."""
    try:
        status = msgspec.json.decode(_path(config).read_bytes(), type=Status)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return False, f"no probe has run with its state in {config.state}"
    if not runs or (at - status.written).total_seconds() > SILENT:
        return False, f"the probe does not run: it was last heard of {_ago(status.written, at)}"
    lines = [_line(one, status.way, at) for one in status.vantages]
    if status.full:
        lines.append("the spool is full: nothing more is measured before the register takes something")
    return True, "\n".join(lines)


def _line(one: VantageStatus, way: str, at: datetime) -> str:
    at_work = f"{_count(one.at_work, 'run')} at work ({one.visited} of {_count(one.asked, 'visit')})"
    parts = [at_work if one.at_work else "nothing to do" if not one.queued else "no run at work"]
    if one.queued:
        parts.append(f"{_count(one.queued, 'run')} to be begun")
    if one.waiting:
        batches = "1 batch waits for its receipt" if one.waiting == 1 else f"{one.waiting} batches wait for receipts"
        parts.append(batches)
    parts.append(f"last receipt {_ago(one.received, at)}" if one.received else "no receipt yet")
    parts.append(f"NOT connected: {one.trouble}" if one.trouble else f"connected {way}")
    return f"{one.name}: {', '.join(parts)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _ago(moment: datetime, at: datetime) -> str:
    seconds = max(0, int((at - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _path(config: Config) -> Path:
    return config.state / "status.json"


def _way(config: Config) -> str:
    """Without the password that a broker's address may hold."""
    if config.register:
        return f"by HTTPS to {config.register}"
    parts = urlsplit(config.broker)
    return f"by queue to {parts.hostname}" if parts.hostname else "by queue on this machine"
