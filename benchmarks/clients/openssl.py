"""`openssl s_time`: handshake, GET and nothing else, one connection after the other, to one site, without its name.

It cannot be stopped after its start-up, so it runs twice, for a short and for a longer time, and the difference counts.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess

from benchmarks import sites
from benchmarks.job import Job, Tally, finish, wait_for_start

_SHORT, _LONG = 1, 5  # seconds
_COUNT = re.compile(r"(\d+) connections in \d+ real seconds")


def connections(job: Job, seconds: int) -> tuple[int, float]:
    """How many it made in this time, and what CPU it used."""
    where = f"{sites.address(job.names[0])}:443"
    command = ["openssl", "s_time", "-connect", where, "-new", "-www", "/", "-verify", "2"]
    before = _children()
    done = subprocess.run(
        [*command, "-time", str(seconds), "-CAfile", job.root],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    counted = _COUNT.search(done.stdout)
    if counted is None or "error" in done.stderr:
        raise OSError(f"openssl s_time said: {done.stderr}")
    return int(counted[1]), _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    the_job = Job.load()
    few, little = connections(the_job, _SHORT)
    wait_for_start()
    many, much = connections(the_job, _LONG)
    finish(Tally(visits=many - few, cpu=much - little))
