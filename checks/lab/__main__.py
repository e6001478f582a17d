"""`python -m checks.lab --directory DIR` prints "ready DIR" when it listens, and ends when standard input closes.

`--scenario` and `--namespaces` choose other networks than the demo's, and the other storey: docs/lab.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from checks.engine.loop import raise_file_limit
from checks.lab.lab import Lab
from checks.lab.namespaces import Namespaces, why_not_here
from checks.lab.scenarios import BY_NAME, LOOPBACK, NAMESPACES, SCENARIOS, Scenario, control_network


async def run(lab: AbstractAsyncContextManager[object], directory: Path, visited: Sequence[Scenario]) -> None:
    """Until somebody stops it; or until the `visited` have been, where there are any."""
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

    async with lab:
        print(f"ready {directory}", flush=True)
        if visited:
            await visit(directory, visited, stop)
        else:
            threading.Thread(target=wait_for_parent, daemon=True).start()
            await stop.wait()


async def visit(directory: Path, scenarios: Sequence[Scenario], stop: asyncio.Event) -> None:
    """By the engine's own command, as people do who have the world file; in the vantage's namespace if it has one."""
    vantages = {v["name"]: v for v in json.loads((directory / "lab.json").read_text(encoding="utf-8"))["vantages"]}
    for scenario in scenarios:
        if stop.is_set():
            return
        vantage = vantages[scenario.name]
        entering = ("ip", "netns", "exec", vantage["namespace"]) if "namespace" in vantage else ()
        engine = (sys.executable, "-m", "checks.engine", "--follow-up", "--world", str(directory / vantage["world"]))
        print(f"\n{scenario.name}: {scenario.does}", flush=True)
        process = await asyncio.create_subprocess_exec(*entering, *engine, scenario.url, stdin=subprocess.DEVNULL)
        await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m checks.lab", description="An imitated internet, with censors.")
    parser.add_argument("--directory", type=Path, help="where the world files are written")
    parser.add_argument(
        "--scenario",
        nargs="*",
        choices=list(BY_NAME),
        metavar="NAME",
        help="run these scenarios (by default all) and a control, in place of the demo's networks",
    )
    parser.add_argument(
        "--namespaces", action="store_true", help="run scenarios in network namespaces of this kernel (needs root)"
    )
    parser.add_argument("--visit", action="store_true", help="measure each scenario, say what was seen, and end")
    parser.add_argument("--list", action="store_true", help="list the scenarios and end")
    options = parser.parse_args()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:24}{', '.join(scenario.storeys):24}{scenario.does}")
        return
    if options.directory is None:
        parser.error("--directory is needed")
    if options.namespaces and (reason := why_not_here()):
        parser.error(f"--namespaces cannot run here: {reason}")
    try:
        options.directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.directory).close()
    except OSError as error:
        parser.error(f"--directory must be a folder that can be written to: {error}")
    storey = NAMESPACES if options.namespaces else LOOPBACK
    demo = options.scenario is None and not options.namespaces and not options.visit
    chosen = [BY_NAME[name] for name in options.scenario or ()] or _all_on(storey)
    for scenario in chosen:
        if storey in scenario.not_on:
            parser.error(f"{scenario.name} cannot run on storey {storey!r}: {scenario.not_on[storey]}")
    lab: AbstractAsyncContextManager[object]
    if options.namespaces:
        lab = Namespaces(options.directory, chosen)
    elif demo:
        lab = Lab(options.directory)
    else:
        lab = Lab(options.directory, [control_network(chosen), *(scenario.network for scenario in chosen)])
    logging.basicConfig(level=logging.WARNING)
    raise_file_limit()
    asyncio.run(run(lab, options.directory, chosen if options.visit else ()))


def _all_on(storey: str) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if storey in scenario.storeys]


if __name__ == "__main__":
    main()
