"""`python -m checks.probe.supervising [--progress FILE] [--stop-with-stdin] COMMAND …`: keep a worker running.

Starts the command again when it ends unasked (Celery's worker does when its broker dies), and when it has not touched
its progress file for a while. Ends with it on SIGTERM or SIGINT, within half a minute. Nothing here but Python itself:
it is in memory for as long as the worker is.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

GRACE = 28.0  # seconds that the command has to end by itself
STALE = 60.0  # seconds without progress
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds between two starts
STEADY = 60.0  # seconds after which a start counts as one that went well
_PR_SET_PDEATHSIG = 1


class Supervisor:
    def __init__(self, command: Sequence[str], *, progress: Path | None = None, stale: float = STALE) -> None:
        self._command, self._progress, self._stale = list(command), progress, stale
        self._stop = threading.Event()
        self._grace = GRACE

    def stop(self, grace: float = GRACE) -> None:
        """End the command and ourselves; the command has so many seconds."""
        self._grace = grace
        self._stop.set()

    def run(self) -> int:
        """Until told to stop. Returns 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            with subprocess.Popen(  # noqa: S603 (our own command)
                self._command, start_new_session=True, stdin=subprocess.DEVNULL, preexec_fn=_die_with_us
            ) as child:
                self._watch(child)
                if self._stop.is_set():
                    _end(child, self._grace)
                    return 0
            failures = 0 if time.monotonic() - began > STEADY else failures + 1
            pause = PAUSES[min(failures, len(PAUSES) - 1)]
            _say(f"{_how(child.returncode)}; it is started again in {pause:.0f} s")
            self._stop.wait(pause)
        return 0

    def _told(self, number: int, frame: FrameType | None) -> None:
        self.stop()

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        """Until it ends, does nothing any more, or is to stop."""
        seen, since = self._touched(), time.monotonic()
        while not self._stop.wait(0.2) and child.poll() is None:
            touched = self._touched()
            if touched != seen:  # the moment itself says nothing: somebody may set the clock
                seen, since = touched, time.monotonic()
            if self._progress and time.monotonic() - since > self._stale:
                _say(f"no progress for {self._stale:.0f} s: the worker is ended")
                _end(child, GRACE)
                return

    def _touched(self) -> float:
        try:
            return self._progress.stat().st_mtime if self._progress else 0.0
        except OSError:
            return 0.0


def _end(child: subprocess.Popen[bytes], grace: float) -> None:
    try:
        if grace:
            child.terminate()
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _die_with_us() -> None:
    """Linux: whoever kills us with a signal that we never see stops the worker, too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _how(code: int) -> str:
    return f"the worker was killed by signal {-code}" if code < 0 else f"the worker ended by itself ({code})"


def _say(what: str) -> None:
    print(f"tizilim: {what}", file=sys.stderr, flush=True)


def _when_stdin_closes(then: Callable[[], None]) -> None:
    """Whoever started us holds the other end: it closes also when they die by kill -9."""

    def wait() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # there is no standard input at all
        then()

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m checks.probe.supervising", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--progress", type=Path, metavar="FILE", help="what the command touches while it gets on")
    parser.add_argument("--stale", type=float, default=STALE, metavar="SECONDS", help=f"without a touch ({STALE:.0f})")
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when standard input closes")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND …")
    options = parser.parse_args()
    if not options.command:
        parser.error("which command?")
    supervisor = Supervisor(options.command, progress=options.progress, stale=options.stale)
    if options.stop_with_stdin:
        _when_stdin_closes(lambda: supervisor.stop(grace=0.0))  # at once: what the worker has kept is kept
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
