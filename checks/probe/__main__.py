"""`python -m checks.probe --config FILE`: measure what the register asks for, until stopped.

Exit code 0 when stopped by a signal or by standard input closing, 2 when the configuration is wrong
(or the key cannot be written).
`python -m checks.probe --make-key FILE` makes a key and prints its public half for the register.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import warnings
from pathlib import Path

from checks.engine.loop import raise_file_limit
from checks.probe.config import BadConfig, Config, make_key
from checks.probe.worker import application


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m checks.probe", description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", type=Path, metavar="FILE", help="broker, and the vantages measured from here")
    what.add_argument("--make-key", type=Path, metavar="FILE", help="make a key and print its public half")
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    if options.make_key:
        try:
            print(make_key(options.make_key))
        except (OSError, ValueError) as error:
            print(f"tizilim: no key at {options.make_key}: {error}", file=sys.stderr)
            return 2
        return 0
    try:
        config = Config.load(options.config)
    except BadConfig as error:
        print(f"tizilim: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)  # a filesystem queue has no host name to miss
    if os.getuid() == 0:
        warnings.filterwarnings("ignore", message="(?s).*superuser privileges.*")  # we take JSON only
    if options.stop_with_stdin:
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    raise_file_limit()
    app = application(config)
    worker = app.Worker(
        pool="threads",
        concurrency=max(2, len(config.vantages)),
        queues=[vantage.queue for vantage in config.vantages],
        loglevel="WARNING",
        quiet=True,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _end_with_stdin() -> None:
    """Whoever started us holds the other end: when it dies, even by kill -9, we end too."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    os._exit(0)  # at once: what is in flight goes out again when its lease ends


if __name__ == "__main__":
    sys.exit(main())
