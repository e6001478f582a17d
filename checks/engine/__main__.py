"""`python -m checks.engine URL…`: measure, and say what was seen."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from checks.engine import ooni
from checks.engine.batch import measure_all, measure_run
from checks.engine.failures import Failure
from checks.engine.handshake import prepare
from checks.engine.loop import raise_file_limit, run
from checks.engine.names import BadName, Name, parse
from checks.engine.records import Measurement
from checks.engine.tell import tell, tell_test
from checks.engine.world import ISP, Resolver, World

MEASURED, BAD_INPUT, OVERLOADED, UNFIT, STOPPED = 0, 2, 3, 4, 130
BAR = 30
_SERVER = re.compile(r"(?:\[([^]]+)\]|([^][:]+))(?::([0-9]{1,5}))?")  # [2001:db8::1]:53, 192.0.2.1:53


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a title in Cyrillic on an ASCII terminal
    try:
        return _main(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        return STOPPED
    except OSError as error:
        return _unheard(error)


def _unheard(error: OSError) -> int:
    """Nobody can read what we print; nothing more can be said, not even at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(error, BrokenPipeError):
        return STOPPED  # whoever read us has had enough
    print(f"checks.engine: the result cannot be written: {error}", file=sys.stderr)
    return BAD_INPUT


def _main(options: argparse.Namespace) -> int:
    try:
        world = World.load(options.world) if options.world else World.real(options.country)
        for name in (*world.preconditions.must_allow, *world.preconditions.must_block):
            _parse(name)
        if options.resolver:
            kept = [resolver for resolver in world.resolvers if resolver.role != ISP]
            world = replace(world, resolvers=(*map(_resolver, options.resolver), *kept))
        urls = [*options.url, *_lines(options.list)] if options.list else options.url
        names = list({name.url: name for name in map(_parse, urls)}.values())
        controls = _controls(options.control) if options.control else {}
        if not (names or options.self_test):
            raise ValueError("name at least one URL, or a file of them with --list")
        _prepare(world)
    except ValueError as error:
        print(f"checks.engine: {error}", file=sys.stderr)
        return BAD_INPUT
    raise_file_limit()
    if options.self_test:
        test, _ = run(measure_run([], world))
        said = json.dumps(test.as_json(), ensure_ascii=False) if options.json else tell_test(test)
        # What programs read has one kind of line: with URLs, measurements.
        print(said, file=sys.stderr if names and (options.json or options.ooni) else sys.stdout, flush=True)
        if test.failed or not names:
            return UNFIT if test.failed else MEASURED
        world = replace(world, ipv6=test.ipv6)
    if options.follow_up and sys.stderr.isatty():
        print(f"an anomaly is looked at again after {world.deadlines.followup_after:.0f} s", file=sys.stderr)
    show = _Show(len(names), _form(options, controls))
    jobs = [(name.url, _addresses(controls.get(name.url, ()))) for name in names]
    run(measure_all(jobs, world, in_flight=options.in_flight, done=show, follow=options.follow_up))
    return OVERLOADED if show.overloaded else MEASURED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m checks.engine",
        description="Visit each URL once and say what happened at every step: DNS, TCP, TLS, HTTP.",
        epilog="Exit codes: 0 everything was measured, whatever was found; 2 an argument or a file is wrong, or the "
        "result cannot be written; 3 measured, but this machine was too busy and some timeouts prove nothing; "
        "4 the self-test failed and nothing was measured; 130 stopped by Ctrl-C.",
    )
    parser.add_argument("url", nargs="*", metavar="URL", help="a URL or a domain (https is assumed)")
    parser.add_argument("--list", type=Path, metavar="FILE", help="more URLs, one a line; - is standard input")
    parser.add_argument(
        "--resolver",
        action="append",
        metavar="A:P",
        help="ask this DNS server instead of the machine's own; repeatable",
    )
    parser.add_argument(
        "--control",
        type=Path,
        metavar="FILE",
        help="measurements of a control (--json, one a line): its addresses are visited too, its end is shown beside",
    )
    parser.add_argument("--world", type=Path, metavar="FILE", help="measure in this imitated network (checks.lab)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one measurement a line as JSON")
    form.add_argument("--ooni", action="store_true", help="print one measurement a line in OONI's data format")
    parser.add_argument(
        "--follow-up", action="store_true", help="after an anomaly wait a minute, then look at it from every side"
    )
    parser.add_argument(
        "--self-test", action="store_true", help="first say what this vantage can prove of itself; stop if it is unfit"
    )
    parser.add_argument("--country", default="kz", help="whose names must open and be blocked in --self-test (kz)")
    parser.add_argument("--in-flight", type=_positive, default=200, metavar="N", help="visits at once (200)")
    return parser


def _prepare(world: World) -> None:
    try:
        prepare(world.trust)
    except ValueError as error:
        raise ValueError(f"the world's trust store holds no certificates: {error}") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of visits: write 1 or more")
    return int(text)


def _parse(text: str) -> Name:
    try:
        return parse(text)
    except BadName as bad:
        raise ValueError(f"{text!r}: {bad.message} ({bad.code})") from bad


def _resolver(text: str) -> Resolver:
    found = _SERVER.fullmatch(text)
    address, port = (found[1] or found[2], int(found[3] or 53)) if found else (text, 53)
    try:
        return Resolver.checked(ISP, address, port)
    except ValueError:
        raise ValueError(f"{text!r} is no DNS server: write its address, as 192.0.2.1:53 or [2001:db8::1]:53") from None


def _lines(path: Path) -> list[str]:
    try:
        text = (sys.stdin.read() if sys.stdin else "") if path == Path("-") else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _controls(path: Path) -> dict[str, list[Measurement]]:
    found: dict[str, list[Measurement]] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            measurement = Measurement.from_json(json.loads(line))
            found.setdefault(_parse(measurement.url).url, []).append(measurement)
            _addresses([measurement])
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: no measurement of a control: {error}") from error
    return found


def _addresses(controls: Iterable[Measurement]) -> list[str]:
    got = (address for c in controls for query in c.queries if query.hop == 0 for address in query.addresses)
    return list(dict.fromkeys(got))


def _form(options: argparse.Namespace, controls: dict[str, list[Measurement]]) -> Any:
    """How a measurement is printed."""
    if options.json:
        return lambda m: json.dumps(m.as_json(), ensure_ascii=False)
    if options.ooni:
        return lambda m: json.dumps(ooni.export(m), ensure_ascii=False)
    return lambda m: tell(m, controls.get(m.url, ()))


class _Show:
    """Prints each measurement as it is final; of a list, also how far it is, on a terminal."""

    def __init__(self, total: int, form: Any) -> None:
        self.overloaded = False
        self._form, self._total, self._done = form, total, 0
        self._bar = total > 1 and sys.stderr.isatty()
        self._draw()

    def __call__(self, measurement: Measurement) -> None:
        self._done += 1
        self.overloaded = self.overloaded or measurement.overloaded or measurement.failure == Failure.UNKNOWN
        if self._bar:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        try:
            print(self._form(measurement), flush=True)
        except OSError as error:
            raise SystemExit(_unheard(error)) from None
        self._draw()

    def _draw(self) -> None:
        if self._bar:
            filled = BAR * self._done // self._total
            end = "\n" if self._done == self._total else ""
            bar = f"\r[{'#' * filled}{'.' * (BAR - filled)}] {self._done}/{self._total}"
            print(bar, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
