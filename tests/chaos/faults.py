"""What goes wrong in a sweep, by name. `chance` is seeded, so that the same seed does the same."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from tests.chaos.register import Register

Fault = Callable[[Register, random.Random], None]

HOUR = 3600


def _probe(register: Register, chance: random.Random) -> None:
    chance.choice(list(register.probes.values())).kill()


def _child(register: Register, chance: random.Random) -> None:
    """Of a probe, the recorder or the worker: the process below the supervisor."""
    chance.choice([*register.probes.values(), register.recorder, register.worker]).kill_child()


def _stopped(register: Register, chance: random.Random) -> None:
    """For twice a lease, and then it goes on."""
    chance.choice([*register.probes.values(), register.recorder]).pause(2 * register.lease)


def _cut(register: Register, chance: random.Random) -> None:
    """The line between a probe and the centre, for a while."""
    chance.choice(list(register.lines)).cut(chance.uniform(5, register.lease))


def _wrong(register: Register, chance: random.Random) -> None:
    """The clock of all probes jumps, and is put right."""
    assert register.clock is not None
    register.clock.set(chance.choice([-HOUR, HOUR]))
    time.sleep(chance.uniform(5, register.lease))
    register.clock.set(0)


FAULTS: Mapping[str, Fault] = {
    "probe": _probe,
    "child": _child,
    "recorder": lambda register, _: register.recorder.kill(),
    "worker": lambda register, _: register.worker.kill(),
    "beat": lambda register, _: register.beats[0].kill(),
    "beats": lambda register, _: register.beats[1].kill(),  # beside the first; it is started by the first stroke
    "web": lambda register, _: register.web.kill(),
    "redis": lambda register, _: register.redis.kill(),
    "postgres": lambda register, _: register.postgres.kill(),
    "flush": lambda register, _: register.client().flushall(),
    "stop": _stopped,
    "line": _cut,
    "clock": _wrong,
}
EACH_ONCE = ("probe", "child", "recorder", "worker", "beat", "web", "redis", "postgres", "flush")
