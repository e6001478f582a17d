"""asyncio's own event loop, or uvloop where it is asked for."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util


def best() -> str:
    return "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"


def runner(loop: str) -> asyncio.Runner:
    """Runs coroutines on the loop of that name."""
    if loop == "uvloop":
        return asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop)
    return asyncio.Runner()
