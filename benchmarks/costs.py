"""What a process and its children have cost, as the kernel counts it: the same meter for every client."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_KILOBYTE = 1024


def cpu(process: int) -> float:
    """Seconds of user and system time of the process, its living descendants, and those that ended."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in _tree(process)) / _TICK


def peak_memory(process: int) -> int:
    """Bytes: the largest resident size so far. Unlike ru_maxrss it does not remember who forked us."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * _KILOBYTE for line in lines if line.startswith("VmHWM:"))


def _tree(process: int) -> Iterator[int]:
    children = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            children[int(_stat(int(entry.name))[1])].append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    waiting = [process]
    while waiting:
        found = waiting.pop()
        waiting.extend(children[found])
        yield found


def _stat(process: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: what stands before may contain spaces."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
