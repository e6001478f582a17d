"""Finding what a person typed: a name by its canonical form, a free name by its letters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Case, F, Q, TextField, Value, When, Window
from django.db.models.functions import Length, Replace, RowNumber

from checks.engine.names import Name, parse
from checks.models import Target
from registry import status
from registry.models import Resource

PAGES_BELOW = 50  # of one host in one answer: some have thousands of listed pages
SHORTEST = 3  # letters of a word by which other names resemble one
CANDIDATES = 1000  # rows looked through for one text


@dataclass(frozen=True)
class LookUp:
    """What the register tells of one name. `target_networks` is what was measured of exactly its URL.

    Of a name that is withheld, or below one, it is what it would be of a name that nobody knows.
    """

    name: Name
    resources: tuple[status.Status, ...]  # the name itself, the domains above it, the pages below, services
    target_networks: tuple[status.NetworkState, ...]
    withheld: bool = False


def look_up(text: str, *, at: datetime) -> LookUp:
    """Raises BadName for what is no domain, URL or address."""
    return look_up_many([parse(text)], at=at)[0]


def look_up_many(names: Sequence[Name], *, at: datetime) -> list[LookUp]:
    """One answer a name, in that order; the number of queries does not depend on how many names there are."""
    found = _matching(names)
    resources = {resource.pk: resource for many in found.values() for resource in many}
    # What only strangers reported is as if nobody had: a look-up must not tell that there was a report.
    public = Target.objects.filter(Q(reports=None) | Q(coverage__isnull=False) | Q(plans__isnull=False)).distinct()
    public = public.exclude(coverage__resource__display=Resource.Display.WITHHELD)
    targets = {target.url: target for target in public.filter(url__in={name.url for name in found})}
    told, measured = status.of_many_and_targets(list(resources.values()), targets.values(), at=at)
    statuses = dict(zip(resources, told, strict=True))
    return [
        LookUp(
            name,
            tuple(statuses[resource.pk] for resource in found.get(name, ())),
            measured[targets[name.url].pk] if name in found and name.url in targets else (),
            name not in found,
        )
        for name in names
    ]


def find(text: str, *, limit: int) -> list[Resource]:
    """Resources whose name has these letters, apps and services among them. Withheld names are not found."""
    wanted = folded(text)
    if not wanted or "\0" in wanted:  # PostgreSQL refuses NUL in a text
        return []
    rows = (
        Resource.objects.exclude(display=Resource.Display.WITHHELD)
        .annotate(letters=Replace(F("search"), Value("ё"), Value("е"), output_field=TextField()))
        .filter(letters__contains=wanted)
        .order_by(Case(When(letters=wanted, then=0), default=1), Length("search"), "slug")
    )
    # Of a name that is shown as its domain only, no more than the domain may be found.
    full = Resource.Display.FULL
    shown = (row for row in rows[:CANDIDATES] if row.display == full or wanted in folded(row.display_name))
    return list(islice(shown, limit))


def resembling(name: Name, *, limit: int) -> list[Resource]:
    """What an editor may mean by a name, the nearest first: itself, above and below it, the same word elsewhere.

    For the desk alone: names that are withheld are among them.
    """
    hosts, site = _host_and_above(name), name.registrable or name.host
    near = Q(host__in=hosts) | Q(host__endswith=f".{site}")
    word = site.split(".")[0]
    if name.registrable and len(word) >= SHORTEST:
        near |= Q(search__contains=word)
    nearness = Case(
        When(name__in=[name.url, name.host], then=0),
        When(host=name.host, then=1),
        When(host__in=hosts, then=2),
        default=3,
    )
    return list(Resource.objects.filter(near).order_by(nearness, Length("search"), "slug")[:limit])


def folded(text: str) -> str:
    """Letters as they are compared: without case, ё as е, one space between words."""
    return " ".join(text.casefold().replace("ё", "е").split())


def _matching(names: Sequence[Name]) -> dict[Name, list[Resource]]:
    """The name itself, the domains above it from near to far, the pages below it, services and what groups them.

    A withheld page is left out; a name on or below a withheld site has no answer at all.
    """
    hosts = {name: _host_and_above(name) for name in names}
    rows = Resource.objects.select_related("service")
    whole = ~Q(type=Resource.Type.URL) & Q(host__in={host for many in hosts.values() for host in many})
    exact = Q(type=Resource.Type.URL, name__in={name.url for name in names})
    nth = Window(RowNumber(), partition_by=[F("host")], order_by="slug")
    below = rows.not_withheld().filter(type=Resource.Type.URL, host__in={name.host for name in names}).annotate(nth=nth)
    by_host: dict[str, dict[int, Resource]] = defaultdict(dict)
    for row in [*rows.filter(whole | exact), *below.filter(nth__lte=PAGES_BELOW)]:
        by_host[row.host][row.pk] = row
    every = {name: [row for host in hosts[name] for row in by_host[host].values()] for name in names}
    hidden = Resource.Display.WITHHELD
    closed = {
        name
        for name, near in every.items()
        if any(row.display == hidden and row.type != Resource.Type.URL for row in near)
    }
    return {
        name: _ordered(name, [row for row in near if row.display != hidden])
        for name, near in every.items()
        if name not in closed
    }


def _ordered(name: Name, rows: list[Resource]) -> list[Resource]:
    inherited = (Resource.Type.DOMAIN, Resource.Type.SERVICE)  # what holds for a domain holds for the names below it
    near = [row for row in rows if row.host == name.host or row.type in inherited]
    if name.kind == "url":  # another page of that host says nothing about this one
        near = [row for row in near if row.type != Resource.Type.URL or row.name == name.url]
    found = {row.pk: row for row in sorted(near, key=lambda row: _nearness(row, name))}
    for row in list(found.values()):
        if row.service is not None:
            found.setdefault(row.service.pk, row.service)
    return list(found.values())


def _nearness(resource: Resource, name: Name) -> tuple[int, int, str]:
    if resource.name == (name.url if name.kind == "url" else name.host):
        return (0, 0, resource.slug)
    order = {Resource.Type.DOMAIN: 1, Resource.Type.IP: 1, Resource.Type.URL: 2}
    return (order.get(Resource.Type(resource.type), 3), -len(resource.host), resource.slug)


def _host_and_above(name: Name) -> list[str]:
    hosts = [name.host]
    while name.registrable and hosts[-1] != name.registrable:
        hosts.append(hosts[-1].split(".", 1)[1])
    return hosts
