"""`python -m checks.probe --config FILE`: measure what the register asks for, until stopped.

Without --config the environment says what the file would (TIZILIM_PROBE_…, docs/probes.md). Exit code 0 when stopped by
a signal or by standard input closing, 2 when the configuration is wrong (or the key cannot be written); of --check and
--status 1 when it is not well.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from checks.engine.batch import measure_run
from checks.engine.loop import raise_file_limit, run
from checks.engine.tell import tell_test
from checks.probe import status, worker
from checks.probe.config import BadConfig, Config, make_key
from checks.probe.enrolling import Invitation, enrol
from checks.probe.home import NotReached

WELL, ILL, WRONG = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.make_key:
            return _make_key(options.make_key)
        if options.enrol:
            return _enrol(options)
        config = Config.load(options.config) if options.config else Config.of_environment(os.environ)
        if options.status:
            runs, told = status.tell(config, datetime.now(UTC), runs=worker.runs_in(config.state))
            print(told)
            return WELL if runs else ILL
        if options.check:
            return _check(config)
        if options.work:
            return _work(config)
        _supervise(config, options)
    except (BadConfig, NotReached, worker.Busy) as error:
        print(f"tizilim: {error}", file=sys.stderr)
    except OSError as error:
        print(f"tizilim: the state cannot be kept: {error}", file=sys.stderr)
    return WRONG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m checks.probe", description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say how the running probe stands, and end")
    what.add_argument("--check", action="store_true", help="say what this place can prove of itself, and end")
    what.add_argument("--make-key", type=Path, metavar="FILE", help="make a key and print its public half")
    what.add_argument("--enrol", metavar="REGISTER", help="hand in a key where you were invited: https://…")
    what.add_argument("--work", action="store_true", help=argparse.SUPPRESS)  # what the supervisor starts
    parser.add_argument("--config", type=Path, metavar="FILE", help="where work comes from, and the vantages here")
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when standard input closes")
    joining = parser.add_argument_group("with --enrol")
    joining.add_argument("--token", help="from the invitation; one key can be handed in with it")
    joining.add_argument("--name", help="of this vantage, from the invitation")
    joining.add_argument("--state", type=Path, metavar="DIR", default=Path(), help="where key and state are kept")
    joining.add_argument("--country", help="whose names must open and be blocked here (kz)")
    joining.add_argument("--asn", type=int, help="number of the network that this place is in")
    joining.add_argument("--control", action="store_true", help="nothing is blocked here")
    joining.add_argument("--ca", type=Path, metavar="FILE", help="authority to trust in place of everybody's")
    return parser


def _make_key(path: Path) -> int:
    try:
        print(make_key(path))
    except (OSError, ValueError) as error:
        print(f"tizilim: no key at {path}: {error}", file=sys.stderr)
        return WRONG
    return WELL


def _enrol(options: argparse.Namespace) -> int:
    if not (options.token and options.name):
        print("tizilim: --enrol needs --token and --name, as the invitation gives them", file=sys.stderr)
        return WRONG
    invitation = Invitation(
        options.enrol,
        options.token,
        options.name,
        options.state,
        country=options.country,
        asn=options.asn,
        control=options.control,
        ca=options.ca,
    )
    try:
        config = enrol(invitation)
    except OSError as error:
        print(f"tizilim: {options.state}: {error}", file=sys.stderr)
        return WRONG
    print(
        f"The register has the key of {options.name}; start `python -m checks.probe --config {config}` now: "
        "it begins to measure as soon as two people at the register have admitted it."
    )
    return WELL


def _check(config: Config) -> int:
    """As before every run, in words."""
    raise_file_limit()
    fit = True
    for vantage in config.vantages:
        test, _ = run(measure_run([], vantage.world))
        print(f"{vantage.name}: {tell_test(test)}")
        fit = fit and not test.failed
    return WELL if fit else ILL


def _work(config: Config) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)  # a filesystem queue has no host name to miss
    return worker.work(config)


def _supervise(config: Config, options: argparse.Namespace) -> None:
    """Become the supervisor, which has nothing of all this in its memory."""
    worker.only_one(config.state).close()  # or say so before we are one of two
    python = [sys.executable, "-m"]
    itself = ["checks.probe", "--work", *(["--config", str(options.config)] if options.config else [])]
    stop = ["--stop-with-stdin"] if options.stop_with_stdin else []
    watch = ["checks.probe.supervising", "--progress", str(worker.progress_file(config)), *stop]
    os.execv(sys.executable, [*python, *watch, *python, *itself])  # noqa: S606 (ourselves)


if __name__ == "__main__":
    sys.exit(main())
