"""`python -m benchmarks.tun NEAR FAR SECONDS`: carries packets from a TUN device in one namespace to one in the other.

And back, each SECONDS after it came, until it is killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from contextlib import suppress

DEVICE = "line"
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_TUN_WITHOUT_HEADER = 0x1001  # IFF_TUN | IFF_NO_PI
_LARGEST = 1500  # bytes; the MTU that the devices are given
_AT_ONCE = 512  # packets taken from one side before the other has its turn
_IDLE = 0.05  # seconds to sleep when nothing is on its way

Waiting = deque[tuple[float, bytes]]  # when each is due


def open_device(namespace: str) -> int:
    """The device exists as long as it is open. Leaves this process in that namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    inside = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(inside, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    os.close(inside)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _TUN_WITHOUT_HEADER))
    return device


def take(device: int, waiting: Waiting, due: float) -> None:
    with suppress(BlockingIOError):  # there is no more
        for _ in range(_AT_ONCE):
            waiting.append((due, os.read(device, _LARGEST)))


def give(device: int, waiting: Waiting, now: float) -> None:
    while waiting and waiting[0][0] <= now:
        _, packet = waiting.popleft()
        with suppress(OSError):  # not up yet, or full; the device counts what it drops
            os.write(device, packet)


def carry(near: int, far: int, delay: float) -> None:
    ways: tuple[tuple[int, int, Waiting], ...] = ((near, far, deque()), (far, near, deque()))
    poll = select.poll()
    poll.register(near, select.POLLIN)
    poll.register(far, select.POLLIN)
    while True:
        now = time.monotonic()
        for _, to, waiting in ways:
            give(to, waiting, now)
        again = min([now + _IDLE, *(waiting[0][0] for _, _, waiting in ways if waiting)])
        poll.poll(max(0.0, again - time.monotonic()) * 1000)
        for source, _, waiting in ways:
            take(source, waiting, time.monotonic() + delay)


if __name__ == "__main__":
    carry(open_device(sys.argv[1]), open_device(sys.argv[2]), float(sys.argv[3]))
