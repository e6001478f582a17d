"""`python -m checks.engine URL…`: measure, and say what was seen."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from checks.engine.batch import measure_all
from checks.engine.names import BadName, Name, parse
from checks.engine.records import VISIT, Measurement
from checks.engine.world import World

MEASURED, BAD_INPUT, STOPPED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        world = World.load(options.world) if options.world else World.real()
        names = [_parse(text) for text in options.url]
    except ValueError as error:
        print(f"checks.engine: {error}", file=sys.stderr)
        return BAD_INPUT

    def show(measurement: Measurement) -> None:
        print(json.dumps(measurement.as_json(), ensure_ascii=False) if options.json else _tell(measurement), flush=True)

    try:
        asyncio.run(measure_all([(name.url, ()) for name in names], world, done=show, follow=options.follow_up))
    except KeyboardInterrupt:
        return STOPPED
    return MEASURED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m checks.engine",
        description="Visit each URL once and say what happened at every step: DNS, TCP, TLS, HTTP.",
        epilog="Exit codes: 0 everything was measured, whatever was found; 2 a URL or the world file is wrong; "
        "130 stopped by Ctrl-C.",
    )
    parser.add_argument("url", nargs="+", metavar="URL", help="a URL or a domain (https is assumed)")
    parser.add_argument("--world", type=Path, metavar="FILE", help="measure in this imitated network (checks.lab)")
    parser.add_argument("--json", action="store_true", help="print one measurement a line as JSON")
    parser.add_argument(
        "--follow-up", action="store_true", help="after an anomaly wait a minute, then try another server name there"
    )
    return parser


def _parse(text: str) -> Name:
    try:
        return parse(text)
    except BadName as bad:
        raise ValueError(f"{text!r}: {bad.message} ({bad.code})") from bad


def _tell(m: Measurement) -> str:
    """The measurement for people, one step a line, in the order of the steps."""
    where = f"imitated network {m.world}" if m.imitated else "this machine's own network"
    lines = [f"{m.url}  ({where}, {m.runtime:.2f} s)"]
    for q in m.queries:
        said = ", ".join(f"{a.type} {a.value}" for a in q.answers)
        late = " (a second, late reply)" if q.late else ""
        lines.append(_line("DNS", q.hop, f"{q.name} {q.type} at {q.resolver}{late}", q.failure, said, q.t - q.t0))
    for r in m.refusals:
        lines.append(f"  guard hop {r.hop}  {r.address}: not dialled ({r.reason})")
    for c in m.connects:
        lines.append(_line("TCP", c.hop, f"{c.address} port {c.port}{_purpose(c.purpose)}", c.failure, "", c.t - c.t0))
    for h in m.handshakes:
        detail = f"{h.version}, issuer {h.chain[0].issuer}" if h.version and h.chain else ""
        what = f"{h.address} as {h.server_name}{_purpose(h.purpose)}"
        lines.append(_line("TLS", h.hop, what, h.failure, detail, h.t - h.t0))
    for e in m.exchanges:
        detail = f"status {e.status}, {e.body_length} bytes, title {e.title!r}" if e.status else ""
        if e.location:
            detail += f", redirects to {e.location}"
        lines.append(_line("HTTP", e.hop, e.url, e.failure, detail, e.t - e.t0))
    lines.append(f"  ended with {m.failure}" if m.failure else "  ended with a final response")
    if m.overloaded:
        lines.append("  this machine was overloaded: its timeouts prove nothing")
    return "\n".join(lines)


def _line(step: str, hop: int, what: str, failure: str | None, detail: str, seconds: float) -> str:
    outcome = f"FAILED {failure}" if failure else "ok"
    return f"  {step:<4} hop {hop}  {what}: {outcome} in {seconds:.3f} s" + (f" ({detail})" if detail else "")


def _purpose(purpose: str) -> str:
    return "" if purpose == VISIT else f" [{purpose}]"


if __name__ == "__main__":
    sys.exit(main())
