"""The second look at an anomaly: is it the server name, or the address?

On the same address a neutral server name and the suspected one are tried in turn. An answer to the
neutral name, even with a certificate that is not its own (`ssl_invalid_hostname`), shows that the
address speaks TLS to us; a failure of the suspected name beside it shows that the name is what is cut.
OONI ts-024 and Censored Planet's Hyperquack interleave for the same reason: a loss hits both alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from checks.engine.connect import connect
from checks.engine.failures import Failure
from checks.engine.handshake import shake
from checks.engine.records import BASELINE, REPEAT, SNI_SWAP, VISIT, Connect, Handshake, Measurement
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

ROUNDS = 2  # of neutral name, suspected name
ADDRESS_CAP = 2  # suspects of one measurement that are looked at again
SLOW_HANDSHAKE = 1.0  # seconds: one that took this long
SLOW_RATIO = 5.0  # and this many times the TCP connect on the same address may be throttled

_CUT = frozenset({Failure.CONNECTION_RESET, Failure.TIMEOUT, Failure.EOF})


def is_anomalous(measurement: Measurement) -> bool:
    return next(_suspects(measurement), None) is not None


async def follow_up(measurement: Measurement, world: World) -> Measurement:
    """The same measurement with the handshakes of the second look; unchanged when nothing is suspect.

    The caller waits `world.deadlines.followup_after` first. Times go on from the visit's beginning.
    """
    age = (datetime.now(UTC) - datetime.fromisoformat(measurement.started)).total_seconds()
    connects: list[Connect] = list(measurement.connects)
    handshakes: list[Handshake] = list(measurement.handshakes)
    for suspect, purpose in list(_suspects(measurement))[:ADDRESS_CAP]:
        for server_name, why in [(world.neutral_name, purpose), (suspect.server_name, REPEAT)] * ROUNDS:
            step = world.deadlines.connect + world.deadlines.handshake
            watch = Stopwatch(step, already=age)
            connected, plain = await connect(suspect.hop, suspect.address, suspect.port, world, watch, purpose=why)
            connects.append(connected)
            if plain is not None:
                handshake, secure = await shake(
                    suspect.hop, suspect.address, suspect.port, plain, server_name, world, watch, purpose=why
                )
                handshakes.append(handshake)
                if secure is not None:
                    secure.abort()
            age = watch.read()
    return replace(measurement, connects=tuple(connects), handshakes=tuple(handshakes))


def _suspects(measurement: Measurement) -> Iterator[tuple[Handshake, str]]:
    """Each handshake that deserves a second look, with the purpose of that look."""
    for handshake in measurement.handshakes:
        if handshake.purpose != VISIT:
            continue
        if handshake.failure in _CUT:
            yield handshake, SNI_SWAP
        elif _is_slow(handshake, measurement):
            yield handshake, BASELINE


def _is_slow(handshake: Handshake, measurement: Measurement) -> bool:
    took = handshake.t - handshake.t0
    return took >= SLOW_HANDSHAKE and any(
        took >= SLOW_RATIO * (connected.t - connected.t0)
        for connected in measurement.connects
        if (connected.hop, connected.address, connected.port) == (handshake.hop, handshake.address, handshake.port)
        and connected.purpose == VISIT
        and connected.failure is None
    )
