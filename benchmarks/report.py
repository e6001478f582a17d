"""The figures for people, and the same as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import ssl
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from OpenSSL import SSL

from benchmarks import parts
from benchmarks.goals import WALL, Judgement
from benchmarks.races import Outcome
from benchmarks.rows import Row
from benchmarks.servers import ROOT

_RESULTS = ROOT / "var" / "bench"
_COST_HEAD = ("", "CPU ms/visit", "rounds", "with start", "start s", "per CPU s", "per s", "MB", "visits", "false")
_SWEEP_HEAD = (
    *("", "visits", "wall s", f"x {WALL:.1f}", "CPU ms/visit", "MB"),
    *("false", "unflagged", "flagged", "holes seen", "flagged", "packets lost"),
)
_TITLES = {
    parts.BARE: "Bare visit: A + AAAA, TCP, verified TLS, GET, one address",
    parts.LOOKUPS: "DNS alone: A + AAAA",
    parts.FULL: "Full visit: three resolvers, late listening, DoH, a control's address",
    parts.SWEEP: "Sweep: all targets at once over 200 ms, one in ten a black hole",
    parts.OVERLOAD: "Overload: the same with more than the machine can do",
}


def text(rows: Sequence[Row], judgements: Sequence[Judgement], machine: dict[str, object]) -> str:
    tables = [_part(part, [row for row in rows if row.part == part]) for part in parts.PARTS]
    lines = [f"{key}: {value}" for key, value in machine.items()]
    return "\n\n".join(["\n".join(lines), *filter(None, tables), _goals(judgements)])


def document(
    rows: Sequence[Row],
    judgements: Sequence[Judgement],
    outcomes: Sequence[Outcome],
    machine: dict[str, object],
) -> dict[str, object]:
    return {
        "machine": machine,
        "goals": [asdict(judgement) for judgement in judgements],
        "rows": [asdict(row) for row in rows],
        "runs": [asdict(outcome) for outcome in outcomes],
    }


def keep(name: str, now: datetime, document: dict[str, object]) -> None:
    """What a bench found, as JSON, and where that is."""
    path = _RESULTS / f"{name}-{now:%Y-%m-%dT%H%M}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nThe same as JSON: {path.relative_to(ROOT)}")


def machine(now: datetime) -> dict[str, object]:
    """What the figures hold for."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "date": now.isoformat(timespec="minutes"),
        "machine": f"{os.cpu_count()} x {model[0] if model else platform.machine()}, Linux {platform.release()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": f"{platform.python_version()} ({os.path.realpath(sys.executable)}), "
        f"its own OpenSSL {ssl.OPENSSL_VERSION.split()[1]}",
        "engine's OpenSSL": SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode().split()[1],
        "commit": _commit(),
        "engine": engine_state(),
    }


def engine_state() -> str:
    """Changes when a file of the engine does: rounds of two engines have no median."""
    sources = sorted((ROOT / "checks" / "engine").glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "checks/engine")
    return f"{git('rev-parse', '--short', 'HEAD')}{' and changes in checks/engine' if changed else ''}"


def _part(part: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    timed = part in parts.NEED_LINE
    table = [_SWEEP_HEAD if timed else _COST_HEAD, *(_timed(row) if timed else _costed(row) for row in rows)]
    notes = [f"  {row.client}: a run failed: {row.error}" for row in rows if row.error]
    notes += [f"  {row.client}: false are {_counts(row.failures)}" for row in rows if row.failures]
    notes += [f"  {row.client}: {row.impossible} black holes called opened" for row in rows if row.impossible]
    return "\n".join([_TITLES[part], *_aligned(table), *notes])


def _costed(row: Row) -> tuple[str, ...]:
    return (
        row.client,
        f"{row.cpu:.3f}",
        f"{row.cpu_range[0]:.2f}-{row.cpu_range[1]:.2f}",
        _shown(row.cpu_with_start, 3),
        _shown(row.start, 2),
        f"{row.per_cpu_second:.0f}",
        f"{row.per_second:.0f}",
        _shown(row.memory, 0),
        str(row.visits),
        str(row.false),
    )


def _timed(row: Row) -> tuple[str, ...]:
    return (
        row.client,
        str(row.visits),
        f"{row.wall:.1f}",
        f"{row.wall / WALL:.2f}",
        f"{row.cpu:.2f}",
        _shown(row.memory, 0),
        str(row.false),
        str(row.false_unflagged),
        str(row.flagged),
        str(row.holes),
        str(row.holes_flagged),
        str(row.lost),
    )


def _goals(judgements: Sequence[Judgement]) -> str:
    lines = [
        ("", "value", "goal", ""),
        *((j.text, _shown(j.value, 2), j.bound, j.outcome + (f": {j.reason}" if j.reason else "")) for j in judgements),
    ]
    return "\n".join(["Goals", *_aligned(lines, left={3})])


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _counts(failures: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(failures.items(), key=lambda item: -item[1]))


def _aligned(table: Sequence[tuple[str, ...]], left: set[int] | None = None) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    to_left = {0} | (left or set())
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if at in to_left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
