"""The event loop of a measuring process: uvloop where it is installed, else Python's own."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]

T = TypeVar("T")
GARBAGE = 20_000  # objects: records have no cycles, and with Python's 700 the collector walks all of them in vain


def raise_file_limit() -> None:
    """Let this process hold as many sockets as it may: each visit has one for each resolver and address."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def collect_rarely() -> None:
    """Once a process has imported what it will: that is not looked at again, and the rest less often."""
    gc.freeze()
    gc.set_threshold(GARBAGE)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop for a process that does nothing but measure."""
    gc.set_threshold(GARBAGE)
    return uvloop.new_event_loop() if uvloop else asyncio.new_event_loop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, on that loop."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
