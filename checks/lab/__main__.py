"""`python -m checks.lab --directory DIR` prints "ready DIR" when it listens, and ends when standard input closes."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import signal
import threading
from pathlib import Path

from checks.lab.lab import Lab


async def run(directory: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)

    def wait_for_parent() -> None:
        # A thread, because the loop cannot watch every kind of file that stdin may be.
        try:
            while os.read(0, 2**12):
                pass
        except OSError:
            pass  # there is no standard input at all
        loop.call_soon_threadsafe(stop.set)

    async with Lab(directory):
        print(f"ready {directory}", flush=True)
        threading.Thread(target=wait_for_parent, daemon=True).start()
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m checks.lab", description="An imitated internet on loopback.")
    parser.add_argument("--directory", type=Path, required=True, help="where the world files are written")
    directory = parser.parse_args().directory
    logging.basicConfig(level=logging.WARNING)
    # Thousands of visits at once need more files than the usual soft limit allows.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(run(directory))


if __name__ == "__main__":
    main()
