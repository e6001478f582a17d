"""What a measurement saw, in the words of `checks.lab`; two storeys and many networks are compared by them."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from checks.engine.batch import measure_all, measure_run
from checks.engine.records import BY_DOH, REPEAT, VALIDATE, VISIT, Measurement, SelfTest
from checks.engine.world import ISP, World
from checks.lab.networks import SLOWED, Seen
from checks.lab.scenarios import BY_NAME, TIMEOUT, Scenario

TRIES = 3


def cases(scenarios: Iterable[Scenario]) -> list[str]:
    return sorted(scenario.name for scenario in scenarios)


def patient_first(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Those first that wait for silence longest, so that the rest runs beside them."""
    return sorted(scenarios, key=lambda scenario: -sum(outcome == TIMEOUT for outcome in scenario.again.values()))


async def measure_scenario(scenario: Scenario, directory: Path) -> Measurement:
    """What our own lateness spoilt is measured once more: it proves nothing, for us as for the register."""
    world = World.load(directory / f"{scenario.name}.world.json")
    for _ in range(TRIES):
        (visit,) = await measure_all([(scenario.url, ())], world)
        if not visit.overloaded or as_seen(scenario, visit) == as_expected(scenario, visit):
            break
    return visit


async def look_at_itself(scenario: Scenario, directory: Path) -> SelfTest:
    test, _ = await measure_run([], World.load(directory / f"{scenario.name}.world.json"))
    return test


def fitness(test: SelfTest) -> dict:
    """What `expected_fitness` is compared with."""
    return {
        "unfit": set(test.failed),
        "suspect": test.suspect,
        "invents": bool(test.invented_names),
        "ipv6": test.ipv6,
    }


def expected_fitness(scenario: Scenario) -> dict:
    return {
        "unfit": scenario.unfit,
        "suspect": scenario.suspect,
        "invents": scenario.invents,
        "ipv6": scenario.ipv6,
    }


def about_the_vantage(scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Where a vantage must find out something about itself before it measures; and one where nothing is amiss."""
    usual = expected_fitness(BY_NAME["open"])
    odd = [scenario for scenario in scenarios if scenario.must_block or expected_fitness(scenario) != usual]
    return [BY_NAME["open"], *odd]


def as_seen(scenario: Scenario, visit: Measurement) -> dict:
    """What `as_expected` is compared with."""
    return {
        "end": seen(visit),
        "told": told(visit),
        "tcp": {c.address: c.failure for c in visit.connects if c.purpose == VISIT and c.address in scenario.tcp},
        "proven": {
            step.address: step.failure
            for step in (*visit.connects, *visit.handshakes)  # in this order: the later step decides
            if step.purpose == VALIDATE and step.address in scenario.proven
        },
        "issuers": {h.chain[0].issuer for h in visit.handshakes if h.chain and h.purpose == VISIT and scenario.issuer},
        "again": {purpose: (first, set(later)) for purpose, (first, *later) in attempts(visit).items()},
        "slow": {step: slow(visit, step) for step in scenario.slow},
    }


def as_expected(scenario: Scenario, visit: Measurement) -> dict:
    """What the scenario's data demand, for the resolvers that were asked and the second looks that were taken."""
    return {
        "end": scenario.expected,
        "told": {role: {scenario.told_by(role)} for role in told(visit)},
        "tcp": dict(scenario.tcp),
        "proven": dict(scenario.proven),
        "issuers": {f"CN={scenario.issuer}"} if scenario.issuer else set(),
        "again": {
            purpose: (first, {scenario.later.get(purpose, first)} if len(outcomes) > 1 else set())
            for purpose, outcomes in attempts(visit).items()
            for first in (scenario.again.get(purpose, "nothing to look at again"),)
        },
        "slow": {step: {p: p in purposes for p in slow(visit, step)} for step, purposes in scenario.slow.items()},
    }


def seen(visit: Measurement) -> Seen:
    """Where the last hop came to its end, by the addresses that the network's own resolver gave."""
    hop = max(step.hop for step in (*visit.queries, *visit.connects))
    by_isp = [q for q in visit.queries if q.hop == hop and q.role == ISP and q.type == "A"]
    addresses = {address for query in by_isp for address in query.addresses}
    exchanges, handshakes, connects = (
        [s for s in steps if s.hop == hop and s.purpose == VISIT and (s.address in addresses or not by_isp)]
        for steps in (visit.exchanges, visit.handshakes, visit.connects)
    )
    if exchanges:
        exchange = exchanges[0]
        return Seen("exchange", exchange.failure, exchange.title, exchange.status if exchange.status != 200 else None)
    for name, steps in (("handshake", handshakes), ("connect", connects)):
        if steps:
            return Seen(name, steps[0].failure)
    return Seen("query", by_isp[0].failure)


def told(visit: Measurement) -> dict[str, set[tuple[str, ...]]]:
    """What each resolver said about the visited name, reply after reply, by role."""
    replies = defaultdict(tuple)
    for query in visit.queries:
        if query.hop == 0 and query.type == "A":
            replies[query.role, query.resolver] += query.addresses or (query.failure,)
    by_role = defaultdict(set)
    for (role, _), said in replies.items():
        by_role[role].add(said)
    return dict(by_role)


def attempts(visit: Measurement) -> dict[str, list[str | None]]:
    """How each attempt of the second look ended, by purpose; None where there was an answer at all."""
    fetched = {exchange.purpose for exchange in visit.exchanges}
    shaken = {handshake.purpose for handshake in visit.handshakes}
    last_steps = (
        *visit.exchanges,
        *(handshake for handshake in visit.handshakes if handshake.failure or handshake.purpose not in fetched),
        *(connect for connect in visit.connects if connect.failure or connect.purpose not in fetched | shaken),
    )
    ended = defaultdict(list)
    looks = (step for step in last_steps if step.purpose not in (VISIT, VALIDATE, BY_DOH))
    for step in sorted(looks, key=lambda step: step.t0):
        by_another = step.failure == "ssl_invalid_hostname" and step.purpose != REPEAT
        ended[step.purpose].append(None if by_another else step.failure)
    return dict(ended)


def slow(visit: Measurement, step: str) -> dict[str, bool]:
    """By purpose, whether even the quickest step of this kind was slow."""
    taken = defaultdict(list)
    for one in {"handshake": visit.handshakes, "exchange": visit.exchanges}[step]:
        taken[one.purpose].append(one.t - one.t0)
    return {purpose: min(times) >= SLOWED for purpose, times in taken.items()}
