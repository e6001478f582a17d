"""Blocks that go beyond their order, or outlive it: found from record and evidence, told in a sentence.

*Collateral*: an act names pages of a host, no known act orders the host itself, and the whole of it is unreachable:
it was measured so, or its pages are cut off before a page is asked for, where a network sees the host alone.
*Ended*: every recorded restriction has ended, and it is still unreachable. *Reversed*: no end is recorded, yet every
known act was reversed, and it is still unreachable. *Gone*: the site is dead, parked or for sale, and it is still
unreachable or its order is not known to have ended. Who wanted it so, nobody knows from this.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from checks.engine.names import BadName, parse
from checks.models import State, Target
from registry import dates, status
from registry.models import Alarm, Display, Resource, Restriction, Standing
from registry.models.resource import unicode_host
from registry.status import ACT_KNOWN, OVER, UNREACHABLE, Legal, NetworkState, Observed

CHUNK = 300  # resources whose status is asked for at once
# Whoever cuts here does not know which page is wanted: of an https page nobody in between ever does.
WHOLE_HOST = ("dns.", "tcp.", "tls.")


@dataclass(frozen=True)
class Finding:
    """What an alarm would say now."""

    kind: Alarm.Kind
    resource: int
    act: int | None
    pages: int
    networks: tuple[int, ...]
    measured: int
    since: datetime | None
    since_at_least: bool


def refresh(*, at: datetime) -> Counter[str]:
    """Open what is new, renew what is still so, close what is no more. Twice in a row, the second changes nothing."""
    status.count_if_due(at=at)  # by itself: nobody waits at a lock while all is counted
    return _refresh(at)


@transaction.atomic
def _refresh(at: datetime) -> Counter[str]:
    found = {(one.kind.value, one.resource, one.act): one for one in find(at=at)}
    day = timezone.localdate(at)
    done: Counter[str] = Counter()
    for row in Alarm.objects.select_for_update().filter(closed_on=None):
        finding = found.pop((row.kind, row.resource_id, row.act_id), None)
        if finding is None:
            row.closed_on = day
            row.save(update_fields=["closed_on"])
            done["closed"] += 1
            continue
        done["still"] += 1
        _tell(row, finding)
        row.seen_on = day
        row.save()
    for finding in found.values():
        row = Alarm(kind=finding.kind, resource_id=finding.resource, act_id=finding.act, opened_on=day, seen_on=day)
        _tell(row, finding)
        row.save()
        done["opened"] += 1
    return done


def _tell(row: Alarm, finding: Finding) -> None:
    row.pages, row.networks, row.measured = finding.pages, list(finding.networks), finding.measured
    row.since, row.since_at_least = finding.since, finding.since_at_least


def find(*, at: datetime) -> list[Finding]:
    return [*_outlived(at), *_collateral(at)]


def _outlived(at: datetime) -> Iterable[Finding]:
    """Which to look at is as it was last counted; what is found of them is as it is now."""
    outlived = Standing.objects.filter(legal__in={*OVER, Legal.REVERSED}, observed=Observed.BLOCKED)
    gone = Resource.objects.exclude(condition="")
    pks = sorted({*outlived.values_list("pk", flat=True), *gone.values_list("pk", flat=True)})
    for start in range(0, len(pks), CHUNK):
        rows = list(Resource.objects.filter(pk__in=pks[start : start + CHUNK]).order_by("pk"))
        for one in status.of_many(rows, at=at):
            blocked = one.observed == Observed.BLOCKED
            act = one.current_acts[0].pk if one.current_acts else None
            if one.resource.condition and (blocked or one.legal in ACT_KNOWN):
                yield _finding(Alarm.Kind.GONE, one.resource.pk, act, one.networks)
            elif one.legal in OVER and blocked:
                yield _finding(Alarm.Kind.ENDED, one.resource.pk, None, one.networks)
            elif one.reversals and blocked:
                yield _finding(Alarm.Kind.REVERSED, one.resource.pk, one.reversals[0].act_id, one.networks)


def _collateral(at: datetime) -> Iterable[Finding]:
    day = timezone.localdate(at)
    pages: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))  # host → act → what it names there
    rows = Restriction.objects.standing().filter(resource__type=Resource.Type.URL, acts__withdrawn="").order_by()
    for act, host, pk, state, ended in rows.values_list("acts", "resource__host", "resource", "status", "ended"):
        if not status.is_over(state, ended, day):
            pages[host][act].add(pk)
    hosts = sorted(pages)
    for start in range(0, len(hosts), CHUNK):
        chunk = hosts[start : start + CHUNK]
        named = {pk for host in chunk for many in pages[host].values() for pk in many}
        for host, networks in _whole(chunk, named, at).items():
            if any(one.state in UNREACHABLE for one in networks):
                for act, named in sorted(pages[host].items()):
                    yield _finding(Alarm.Kind.COLLATERAL, min(named), act, networks, pages=len(named))


def _whole(hosts: Sequence[str], named: Collection[int], at: datetime) -> dict[str, Sequence[NetworkState]]:
    """What networks do with the whole of each host, but for hosts that are ordered themselves or from above."""
    above = {host: _host_and_above(host) for host in hosts}
    every = {one for many in above.values() for one in many}
    sites = Resource.objects.exclude(type=Resource.Type.URL).filter(host__in=every)
    known: dict[str, list[status.Status]] = defaultdict(list)
    for one in status.of_many(list(sites), at=at):
        known[one.resource.host].append(one)
    roots = {target.host: target for target in Target.objects.filter(url__in=[f"https://{host}/" for host in hosts])}
    measured = status.of_targets(roots.values())
    through = _through_pages(named, at)
    found: dict[str, Sequence[NetworkState]] = {}
    for host in hosts:
        if any(one.legal in ACT_KNOWN for name in above[host] for one in known[name]):
            continue
        own = [one.networks for one in known[host] if one.resource.type == Resource.Type.DOMAIN]
        whole = own[0] if own else measured[roots[host].pk] if host in roots else ()
        states = {one.network.pk: one for one in whole if one.state != State.INSUFFICIENT}
        found[host] = list(({one.network.pk: one for one in whole} | through[host] | states).values())
    return found


def _through_pages(named: Collection[int], at: datetime) -> dict[str, dict[int, NetworkState]]:
    """What networks do with a host, as far as its pages tell: one that opens, or is cut off as only a host can be."""
    found: dict[str, dict[int, NetworkState]] = defaultdict(dict)
    cut = reduce(or_, (Q(targets__cells__mechanism__startswith=prefix) for prefix in WHOLE_HOST))
    hosts = Resource.objects.filter(cut, pk__in=named, targets__cells__state__in=UNREACHABLE).values("host")
    pages = Resource.objects.filter(pk__in=named, host__in=hosts).order_by("pk")
    for one in status.of_many(list(pages), at=at):
        told = found[one.resource.host]
        for state in one.networks:
            opens = state.state == State.ACCESSIBLE
            gone = state.state in UNREACHABLE and state.mechanism.startswith(WHOLE_HOST)
            if opens or (gone and state.network.pk not in told):
                told[state.network.pk] = state
    return found


def _host_and_above(host: str) -> list[str]:
    try:
        name = parse(host)
    except BadName:
        return [host]
    hosts = [host]
    while name.registrable and hosts[-1] != name.registrable and "." in hosts[-1]:
        hosts.append(hosts[-1].split(".", 1)[1])
    return hosts


def _finding(
    kind: Alarm.Kind, resource: int, act: int | None, networks: Iterable[NetworkState], *, pages: int = 0
) -> Finding:
    states = list(networks)
    closed = [one for one in states if one.state in UNREACHABLE]
    return Finding(
        kind=kind,
        resource=resource,
        act=act,
        pages=pages,
        networks=tuple(sorted(one.network.asn for one in closed)),
        measured=sum(one.state != State.INSUFFICIENT for one in states),
        since=min((one.since for one in closed if one.since), default=None),
        since_at_least=any(one.since_at_least for one in closed),
    )


# --- the words


def sentence(alarm: Alarm) -> str:
    """What is seen, in the active language, and no more."""
    parts = [_why(alarm), *([_where(alarm)] if alarm.networks else [])]
    return " ".join(parts)


def name(alarm: Alarm) -> str:
    """The host of the pages, or the resource itself, as far as it may be shown."""
    one = alarm.resource
    if alarm.kind == Alarm.Kind.COLLATERAL and one.display != Display.WITHHELD:
        return unicode_host(one.host)
    return one.display_name


def _why(alarm: Alarm) -> str:
    if alarm.kind == Alarm.Kind.COLLATERAL:
        return ngettext(
            "The act names %(pages)d page of %(name)s; no act is known that orders the whole domain.",
            "The act names %(pages)d pages of %(name)s; no act is known that orders the whole domain.",
            alarm.pages,
        ) % {"pages": alarm.pages, "name": name(alarm)}
    if alarm.kind == Alarm.Kind.REVERSED:
        return _(
            "An act that restricts %(name)s was reversed on appeal. No other act is known to be in force, "
            "and no end of the restriction is recorded."
        ) % {"name": name(alarm)}
    if alarm.kind == Alarm.Kind.ENDED:
        return _("Every recorded restriction of %(name)s has ended.") % {"name": name(alarm)}
    told = {"name": name(alarm), "day": dates.shown(alarm.resource.condition_since)}
    gone = {
        Resource.Condition.DEAD: _("The site %(name)s was seen to be gone (%(day)s)."),
        Resource.Condition.PARKED: _("The domain %(name)s was seen to be parked (%(day)s)."),
        Resource.Condition.FOR_SALE: _("The domain %(name)s was seen to be for sale (%(day)s)."),
    }.get(Resource.Condition(alarm.resource.condition) if alarm.resource.condition else Resource.Condition.DEAD, "")
    unended = _("No end of its restriction is recorded.")
    return gone % told if alarm.networks else f"{gone % told} {unended}"


def _where(alarm: Alarm) -> str:
    told = {
        "blocked": len(alarm.networks),
        "measured": alarm.measured,
        "since": date_format(timezone.localtime(alarm.since), "DATE_FORMAT") if alarm.since else "",
    }
    if alarm.kind == Alarm.Kind.COLLATERAL:
        text = ngettext(
            "On %(blocked)d of %(measured)d network the whole domain is unreachable.",
            "On %(blocked)d of %(measured)d networks the whole domain is unreachable.",
            alarm.measured,
        )
    else:
        text = ngettext(
            "On %(blocked)d of %(measured)d network it is unreachable.",
            "On %(blocked)d of %(measured)d networks it is unreachable.",
            alarm.measured,
        )
    if not told["since"]:
        return text % told
    at_least, since = _("It has been so at least since %(since)s."), _("It has been so since %(since)s.")
    beginning = at_least if alarm.since_at_least else since
    return f"{text % told} {beginning % told}"
