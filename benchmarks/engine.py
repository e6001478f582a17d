"""`python -m benchmarks.engine`: our engine beside other tools, in one run. docs/benchmarks.md tells how to read it."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from benchmarks import goals, parts, report, tools
from benchmarks.internet import Internet, internet
from benchmarks.races import Outcome, Race, run
from benchmarks.rows import rows


def main() -> int:
    options = _options()
    absent = tools.missing()
    if reason := tools.why_not(absent):
        print(reason, file=sys.stderr)
        return 2
    for tool in absent:
        print(tool.sentence, file=sys.stderr)
    _prepare()
    now = datetime.now(UTC)
    machine = report.machine(now)
    if options.quick:
        machine["quick"] = "too few visits to judge anything by; this shows only that the bench works"
    outcomes = _measure(options, {tool.name for tool in absent})
    if report.engine_state() != machine["engine"]:
        machine["beware"] = "the engine's source changed during this run, so its rounds are of different engines"
    machine["load after"] = f"{os.getloadavg()[0]:.1f}, the bench's own included"
    found = rows(outcomes)
    judged = goals.judge(found)
    print(report.text(found, judged, machine))
    report.keep("engine", now, report.document(found, judged, outcomes, machine))
    return 0


def _measure(options: argparse.Namespace, absent: Collection[str]) -> list[Outcome]:
    size = parts.QUICK if options.quick else parts.ORDINARY
    chosen = set(options.only) - (parts.NEED_LINE if tools.TUN in absent else set())
    with internet(parts.names(size), with_line=bool(chosen & parts.NEED_LINE)) as net:
        if tools.GO not in absent:
            parts.build_go(net)
        return [
            _run(race, net, number)
            for number in range(options.rounds)
            for race in parts.races(chosen, size, net, absent, first=number)
        ]


def _run(race: Race, net: Internet, number: int) -> Outcome:
    outcome = run(race, net)
    each = f"{1000 * outcome.cpu / outcome.visits:.2f} ms/visit, {outcome.wall:.1f} s" if outcome.visits else ""
    said = f"round {number + 1}  {race.part:9} {race.client.label:24} {outcome.error or each}"
    print(said, file=sys.stderr, flush=True)
    return outcome


def _prepare() -> None:
    """As many sockets as we may have, for all that we start, and an end by signal that still cleans up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))


def _part(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(parts.PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}; there are {', '.join(parts.PARTS)}")
    return chosen


def _options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians are of so many (3)")
    parser.add_argument("--only", type=_part, default=list(parts.PARTS), help=f"some of {','.join(parts.PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer visits: shows that it works, and no more")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
