"""A long line between two namespaces: 200 ms there and back.

Not every kernel has netem, so `benchmarks.tun` carries the packets. A C program in its place used a tenth to a fifth
less CPU; the walls of both overlapped.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.namespaces import Namespace
from benchmarks.servers import process
from benchmarks.tun import DEVICE

ROUND_TRIP = 0.2  # seconds
_NEAR, _FAR = "10.78.0.1", "10.78.0.2"
_QUEUE = "100000"  # packets; a burst of every client's first packets must fit
_UP_WITHIN = 10.0  # seconds


@contextmanager
def line(near: Namespace, far: Namespace, log: Path) -> Iterator[None]:
    """Makes the line the only way out of `far`."""
    with process([sys.executable, "-m", "benchmarks.tun", near.name, far.name, str(ROUND_TRIP / 2)], log):
        for end, mine, other in ((near, _NEAR, _FAR), (far, _FAR, _NEAR)):
            _wait_for_device(end)
            end.ip("link", "set", DEVICE, "up", "mtu", "1500", "txqueuelen", _QUEUE)
            end.ip("addr", "add", mine, "peer", other, "dev", DEVICE)
        far.ip("route", "add", "default", "via", _NEAR)
        yield


def lost(*ends: Namespace) -> int:
    """Packets that the line could not carry since it was built; a round that loses some tells of the bench."""
    counters = [json.loads(end.ip("-j", "-s", "link", "show", DEVICE))[0]["stats64"] for end in ends]
    return sum(side[way]["dropped"] for side in counters for way in ("rx", "tx"))


def _wait_for_device(end: Namespace) -> None:
    deadline = time.monotonic() + _UP_WITHIN
    while True:
        try:
            end.ip("link", "show", DEVICE)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
