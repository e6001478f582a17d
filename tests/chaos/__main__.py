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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.chaos import audit
from tests.chaos.faults import FAULTS
from tests.chaos.register import SIZES, Register, Size, running

MARGIN = 60.0  # seconds, besides twice the time of the undisturbed sweep

SPOOL = {"line": 1}  # MB: with the line cut it is full soon, and no new order is taken
ONCE = {"stop": 1, "line": 2, "clock": 2}  # that last, so that they strike less often
SPREAD = {"beats": 600.0}  # seconds over which the sweeps come due: so long there are two of them at work


@dataclass(frozen=True)
class Trial:
    """A sweep, and which faults strike when: seconds after its beginning."""

    name: str
    strokes: tuple[tuple[float, str], ...] = ()
    seed: str = ""

    @property
    def spread(self) -> float:
        return SPREAD.get(self.name, 0.0)

    def run(self, folder: Path, size: Size, patience: float) -> tuple[float, audit.Outcome]:
        """Until all is done and every fault has struck; or until patience ends, in seconds. How long it took."""
        shifty = any(fault == "clock" for _, fault in self.strokes)
        with running(folder / self.name, size, SPOOL.get(self.name, 256), shifty=shifty) as register:
            began = time.monotonic()
            _begin(register.postgres.url, self.spread / size.sweeps)
            striking = threading.Thread(target=self._strike, args=(register,), daemon=True)
            striking.start()
            while (lasts := time.monotonic() - began) < patience:
                if lasts > self.spread and not striking.is_alive() and _ended(register.postgres.url):
                    break
                time.sleep(0.5)
            return time.monotonic() - began, audit.read(register.postgres.url)

    def _strike(self, register: Register) -> None:
        chance, began = random.Random(self.seed), time.monotonic()
        for moment, fault in self.strokes:
            time.sleep(max(0.0, moment - (time.monotonic() - began)))
            FAULTS[fault](register, chance)


def drawn(faults: Sequence[str], times: int, seed: str, over: float) -> tuple[tuple[float, str], ...]:
    """Each fault so often, at moments within so many seconds."""
    chance = random.Random(seed)
    every = [name for name in faults for _ in range(ONCE.get(name, times) if times > 1 else 1)]
    return tuple(sorted((chance.uniform(0.05, 0.9) * over, name) for name in every))


def _begin(url: str, apart: float) -> None:
    """Make the sweeps due, so many seconds apart."""
    due = "now() + %s * substr(name, 7)::int * interval '1 second'"
    with psycopg.connect(url) as database:
        database.execute(f"UPDATE checks_plan SET enabled = true, due_at = {due} WHERE name LIKE 'sweep-%%'", [apart])


def _ended(url: str) -> bool:
    """Everything was planned, nothing is open, all of it is judged."""
    try:
        with psycopg.connect(url, connect_timeout=3) as database:
            planned = database.execute(
                "SELECT count(*) FROM checks_plan WHERE enabled AND due_at < now() + interval '1 day'"
            ).fetchone()
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
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--checks", type=int, choices=SIZES, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="how often each strikes (5)")
    parser.add_argument("--together", action="store_true", help="all of them in one sweep")
    parser.add_argument("--seed", default=f"{time.time():.0f}", help="the same one strikes at the same moments")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    faults = options.faults or list(FAULTS)
    size, failed = SIZES[options.checks], False
    with tempfile.TemporaryDirectory(prefix="tizilim-chaos-", dir="/tmp") as folder:
        undisturbed, calm = Trial("undisturbed").run(Path(folder), size, 3600)
        failed |= _tell("undisturbed", undisturbed, calm, audit.faults(calm))
        for name, struck in [("together", faults)] if options.together else [(one, [one]) for one in faults]:
            seed = f"{options.seed}-{name}"
            strokes = drawn(struck, options.times, seed, max(undisturbed, SPREAD.get(name, 0.0)))
            trial = Trial(name, ((0.0, name), *strokes) if name == "beats" else strokes, seed)
            allowed = 2 * undisturbed + MARGIN
            lasted, found = trial.run(Path(folder), size, 2 * allowed)
            wrong = audit.faults(found, calm)
            if lasted > allowed:
                wrong.append(f"it took {lasted:.0f} s, and {allowed:.0f} s are allowed")
            failed |= _tell(f"{name} x {len(trial.strokes)}", lasted, found, wrong)
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
