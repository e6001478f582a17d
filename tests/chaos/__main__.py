"""`python -m tests.chaos [FAULT…]`: sweeps under faults, beside one that nobody disturbs. Exit 1 if anything is lost.

Each fault has a register of its own. What is killed when follows from the seed: `--seed` plays a failure again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

from tests.chaos import audit
from tests.chaos.register import SIZES, Register, Size, running

MARGIN = 60.0  # seconds, besides twice the time of the undisturbed sweep

Fault = Callable[[Register, random.Random], None]


def _probe(register: Register, chance: random.Random) -> None:
    chance.choice(list(register.probes.values())).kill()


def _child(register: Register, chance: random.Random) -> None:
    """Of a probe, the recorder or the worker: the process below the supervisor."""
    chance.choice([*register.probes.values(), register.recorder, register.worker]).kill_child()


def _stopped(register: Register, chance: random.Random) -> None:
    chance.choice([*register.probes.values(), register.recorder]).pause(2 * register.lease)


FAULTS: Mapping[str, Fault] = {
    "probe": _probe,
    "child": _child,
    "recorder": lambda register, _: register.recorder.kill(),
    "worker": lambda register, _: register.worker.kill(),
    "beat": lambda register, _: register.beats[0].kill(),
    "web": lambda register, _: register.web.kill(),
    "redis": lambda register, _: register.redis.kill(),
    "postgres": lambda register, _: register.postgres.kill(),
    "flush": lambda register, _: register.client().flushall(),
    "stop": _stopped,
}


def sweep(
    folder: Path, size: Size, fault: Fault | None = None, *, times: int = 0, seed: str = "", over: float = 0.0
) -> tuple[float, audit.Outcome]:
    """One whole sweep: its seconds, and what came of it. Faults strike at moments drawn from `over` seconds."""
    with running(folder, size) as register:
        began = time.monotonic()
        _begin(register.postgres.url)
        striking = threading.Thread(target=_strike, args=(register, fault, times, seed, over), daemon=True)
        if fault:
            striking.start()
        until = began + 2 * over + MARGIN + 600 if fault else began + 3600
        while time.monotonic() < until and (striking.is_alive() or not _ended(register.postgres.url)):
            time.sleep(0.5)
        lasted = time.monotonic() - began
        return lasted, audit.read(register.postgres.url)


def _strike(register: Register, fault: Fault, times: int, seed: str, over: float) -> None:
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0.05, 0.9) * over for _ in range(times))
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, moment - (time.monotonic() - began)))
        fault(register, chance)


def _begin(url: str) -> None:
    with psycopg.connect(url) as database:
        database.execute("UPDATE checks_plan SET enabled = true, due_at = now() WHERE name LIKE 'sweep-%'")


def _ended(url: str) -> bool:
    """Everything was planned, nothing is open, all of it is judged."""
    try:
        with psycopg.connect(url, connect_timeout=3) as database:
            planned = database.execute("SELECT count(*) FROM checks_plan WHERE enabled AND due_at < now()").fetchone()
            open_ = database.execute(
                "SELECT count(*) FROM checks_run r JOIN checks_vantage v ON v.id = r.vantage_id "
                "WHERE r.state NOT IN ('recorded', 'failed') "
                "OR r.state = 'recorded' AND r.judged_at IS NULL AND v.role = 'access'"
            ).fetchone()
            return planned == (0,) and open_ == (0,)
    except psycopg.Error:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faults", nargs="*", choices=[*FAULTS, []], metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--checks", type=int, choices=SIZES, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="how often each strikes (5)")
    parser.add_argument("--seed", default=f"{time.time():.0f}", help="the same one kills at the same moments")
    options = parser.parse_args()
    size = SIZES[options.checks]
    failed = False
    with tempfile.TemporaryDirectory(prefix="tizilim-chaos-", dir="/tmp") as folder:
        undisturbed, calm = sweep(Path(folder) / "calm", size)
        failed |= _tell("undisturbed", undisturbed, calm, audit.faults(calm))
        for name in options.faults or FAULTS:
            seed = f"{options.seed}-{name}"
            lasted, found = sweep(
                Path(folder) / name, size, FAULTS[name], times=options.times, seed=seed, over=undisturbed
            )
            wrong = audit.faults(found, calm)
            allowed = 2 * undisturbed + MARGIN
            if lasted > allowed:
                wrong.append(f"it took {lasted:.0f} s, and {allowed:.0f} s are allowed")
            failed |= _tell(f"{name} x {options.times}", lasted, found, wrong)
    if failed:
        print(f"again with: python -m tests.chaos --checks {options.checks} --seed {options.seed}")
    return int(failed)


def _tell(what: str, lasted: float, found: audit.Outcome, wrong: list[str]) -> bool:
    closed, again = sum(found.closing.values()), sum(n for attempt, n in found.attempts.items() if attempt > 1)
    print(
        f"{what:16} {len(found.planned):6} planned  {closed:6} closed  {len(found.excused):4} not measured  "
        f"{found.extra:4} more  {again:3} runs again  {lasted:5.0f} s  {'; '.join(wrong) or 'well'}",
        flush=True,
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
