"""`python -m benchmarks.simulate`: a country on paper: what a year of measuring costs, and what is too small first.

It multiplies. What a visit costs was measured (docs/benchmarks.md says by which bench); what is only assumed is marked.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass

DAY = 86_400.0
BUSY = 0.5  # of a core, a line or a place: who is fuller than that on average is too small at noon


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one visit or one measurement, on a core of the machine that the benches ran on."""

    probe_cpu: float = 2.75e-3  # s a visit, self-tests and second looks included: bench-probe --sizes, 200 sites a run
    slower: float = 4.0  # assumed: how many times slower a core of a Raspberry Pi is
    seconds: float = 5.0  # assumed: that a visit keeps one of 200 places; black holes take 10
    fetched: float = 60e3  # assumed: bytes that a visit moves: three resolvers, a handshake, a page of 40 kB
    sent_home: float = 130.0  # bytes a visit: bench-probe --sizes
    centre_cpu: float = 0.51e-3  # s a measurement: bench-runs, its receivers
    database_cpu: float = 0.15e-3  # s a measurement, at most: bench-runs, all that the receivers left of two cores
    stored: float = 899.0  # bytes a measurement, with its indexes and its share of certificates: bench-runs, of the lab
    judged: float = 360.0  # bytes a verdict, with its indexes: bench-store
    archived: float = 500.0  # assumed: bytes a measurement in a compressed file


@dataclass(frozen=True, slots=True)
class Country:
    targets: int = 20_000
    networks: int = 30
    vantages: int = 1  # a network
    controls: int = 2
    period: float = 1.0  # days between two sweeps
    again: float = 0.05  # of a sweep: re-tests, and what is watched hourly (assumed)
    days: int = 365
    kept: int = 122  # days that measurements stay in the database: at most, with three months besides the running one


@dataclass(frozen=True, slots=True)
class Load:
    """How full something is, of 1, with what one has of it at least."""

    what: str
    needed: str
    full: float  # of one machine, line or process


def visits(country: Country) -> float:
    """A day, from access networks; controls make as many."""
    return country.targets * country.networks * country.vantages * (1 + country.again) / country.period


def loads(country: Country, costs: Costs) -> list[Load]:
    """What may be too small, as a share of one: a core, 200 places, a line of 10 Mbit/s, a disk of 1 TB."""
    access, both = visits(country), 2 * visits(country)
    vantage, control = access / country.networks / country.vantages, access / country.controls
    disk = stored(country, costs)
    return [
        Load("a probe's core (Raspberry Pi)", _cores(vantage * costs.probe_cpu * costs.slower), _share(vantage, costs)),
        Load(
            "a probe's 200 places", f"{vantage * costs.seconds / DAY:.1f} places", vantage * costs.seconds / DAY / 200
        ),
        Load("a probe's line of 10 Mbit/s", _rate(vantage * costs.fetched), vantage * costs.fetched * 8 / DAY / 10e6),
        Load("a control's core", _cores(control * costs.probe_cpu), control * costs.probe_cpu / DAY),
        Load(
            "a control's 200 places", f"{control * costs.seconds / DAY:.0f} places", control * costs.seconds / DAY / 200
        ),
        Load("a recorder's core", _cores(both * costs.centre_cpu), both * costs.centre_cpu / DAY),
        Load("PostgreSQL's core", _cores(both * costs.database_cpu), both * costs.database_cpu / DAY),
        Load("the centre's line of 10 Mbit/s", _rate(both * costs.sent_home), both * costs.sent_home * 8 / DAY / 10e6),
        Load("a disk of 1 TB", f"{disk / 1e9:,.0f} GB", disk / 1e12),
    ]


def centre(country: Country, costs: Costs) -> int:
    """Machines of two cores for recorders and PostgreSQL; readers come on top."""
    return max(1, math.ceil(2 * visits(country) * (costs.centre_cpu + costs.database_cpu) / DAY / BUSY / 2))


def stored(country: Country, costs: Costs) -> float:
    """Bytes at the end: measurements of the days that are kept, verdicts and files of all."""
    kept, all_days = min(country.kept, country.days), country.days
    a_day = visits(country)
    return 2 * a_day * (kept * costs.stored + all_days * costs.archived) + a_day * all_days * costs.judged


def drivers(country: Country, costs: Costs) -> list[tuple[str, float]]:
    """Bytes on the disk, by what they are for, the largest first."""
    a_day, kept = visits(country), min(country.kept, country.days)
    parts = [
        (f"measurements of {kept} days in the database", 2 * a_day * kept * costs.stored),
        ("verdicts, for ever", a_day * country.days * costs.judged),
        ("measurements of all days in files", 2 * a_day * country.days * costs.archived),
    ]
    return sorted(parts, key=lambda part: -part[1])


def first_limit(country: Country, costs: Costs) -> tuple[Load, float]:
    """What is too small first as the country grows, and at how many times of this country. Controls grow with it."""
    fullest = max(loads(country, costs), key=lambda one: one.full)
    return fullest, BUSY / fullest.full


def text(country: Country, costs: Costs) -> Iterable[str]:
    a_day, found = visits(country), loads(country, costs)
    all_days = 2 * a_day * country.days / 1e6
    yield f"{country.targets:,} targets x {country.networks} networks, every {country.period:g} d, {country.days} days:"
    yield f"{a_day:,.0f} visits a day, and as many of controls; {all_days:,.0f} million measurements"
    probes = country.networks * country.vantages
    machines = centre(country, costs)
    yield f"probes: {probes}, controls: {country.controls}, machines of two cores for the centre: {machines}"
    yield ""
    yield f"{'':32}{'needed':>16}{'full':>9}{'have':>7}"
    for one in found:
        yield f"  {one.what:30}{one.needed:>16}{one.full:9.1%}{max(1, math.ceil(one.full / BUSY)):7}"
    yield f"\n  have: so many that none is fuller than {BUSY:.0%} on average"
    yield "\nWhat the disk is for"
    for what, size in drivers(country, costs):
        yield f"  {what:46}{size / 1e9:12,.0f} GB"
    fullest, times = first_limit(country, costs)
    if times >= 1:
        yield f"\nThe first limit: {fullest.what}, at {times:.1f} times this country"
    else:
        yield f"\nThe first limit: {fullest.what}: this country needs {1 / times:.1f} of them"


def _share(vantage: float, costs: Costs) -> float:
    return vantage * costs.probe_cpu * costs.slower / DAY


def _cores(seconds: float) -> str:
    return f"{seconds / DAY:.3f} cores"


def _rate(bytes_a_day: float) -> str:
    return f"{bytes_a_day * 8 / DAY / 1e6:.3f} Mbit/s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate", description=(__doc__ or "").splitlines()[0])
    usual = Country()
    for name in Country.__dataclass_fields__:
        value = getattr(usual, name)
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"({value})")
    country = Country(**vars(parser.parse_args()))
    counts = (country.targets, country.networks, country.vantages, country.controls, country.days)
    if min(counts) < 1 or country.period <= 0 or min(country.again, country.kept) < 0:
        parser.error("at least one target, network, vantage, control and day; a period above 0; nothing below 0")
    print("\n".join(text(country, Costs())))


if __name__ == "__main__":
    main()
