"""How a client is told what to do and tells what it saw: one JSON file in, two JSON lines out.

    client JOB.json
      → {"process": 123}          warmed up: imports done, trust store built, first visits made
      ← (an empty line)           begin; the CPU that `process` used until here is its start-up
      → {"visits": 3000, ...}     done
      ← (end of input)            the CPU, memory and time have been read: end

`process` is the one whose cost counts: with an exporter, the exporter and not its driver.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from benchmarks import sites


@dataclass(frozen=True)
class Job:
    warm_up: tuple[str, ...]
    names: tuple[str, ...]
    in_flight: int
    deadline: float  # seconds
    resolver: str
    trust: str  # PEM file: certifi's roots and the bench's
    root: str  # PEM file: the bench's root alone
    world: str  # of our engine
    control: bool = False  # a control's addresses are dialled too

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls) -> Self:
        """The one that the command line names."""
        fields = json.loads(Path(sys.argv[1]).read_text())
        return cls(**{**fields, "warm_up": tuple(fields["warm_up"]), "names": tuple(fields["names"])})


@dataclass(frozen=True)
class Sight:
    """What a client says of one target. `failure` is None when the page came."""

    name: str
    failure: str | None
    flagged: bool = False  # the client says itself that its timeouts prove nothing


@dataclass(frozen=True)
class Tally:
    """What a client saw, held against the truth."""

    visits: int
    false: int = 0  # healthy targets that it calls failed
    false_unflagged: int = 0
    flagged: int = 0
    holes: int = 0  # black holes that it calls failed
    holes_flagged: int = 0  # of these: true timeouts that prove nothing now, the price of flagging
    impossible: int = 0  # black holes that it calls opened
    failures: dict[str, int] = field(default_factory=dict)  # of healthy targets
    cpu: float | None = None  # seconds, where only the client itself can know

    def __add__(self, other: Tally) -> Tally:
        """Two processes that shared the targets."""
        return Tally(
            self.visits + other.visits,
            self.false + other.false,
            self.false_unflagged + other.false_unflagged,
            self.flagged + other.flagged,
            self.holes + other.holes,
            self.holes_flagged + other.holes_flagged,
            self.impossible + other.impossible,
            dict(Counter(self.failures) + Counter(other.failures)),
        )


def tally(sights: Iterable[Sight]) -> Tally:
    seen = list(sights)
    false = [sight for sight in seen if sight.failure and not sites.is_hole(sight.name)]
    holes = [sight for sight in seen if sites.is_hole(sight.name)]
    return Tally(
        visits=len(seen),
        false=len(false),
        false_unflagged=sum(not sight.flagged for sight in false),
        flagged=sum(sight.flagged for sight in seen),
        holes=sum(sight.failure is not None for sight in holes),
        holes_flagged=sum(sight.failure is not None and sight.flagged for sight in holes),
        impossible=sum(sight.failure is None for sight in holes),
        failures=dict(Counter(sight.failure or "" for sight in false)),
    )


def wait_for_start(process: int | None = None) -> None:
    """Say that we are warm."""
    _say({"process": process or os.getpid()})


def finish(result: Tally) -> None:
    """Say what was seen, and stay until our cost has been read."""
    _say(asdict(result))


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)
    sys.stdin.readline()
