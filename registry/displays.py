"""How much of a resource's name is shown: the strictest of what holds for it, kept in `Resource.display`.

Three things have a say. A *category* is our own judgement of what a site is about. A *ground* is what a body says
of it, right or not (a court once closed who.int for suicide). An editor's *own choice* stands in the place of the
grounds, with its reason in the log, but never shows more than the category allows. What is on a withheld site or
below it (its pages, its subdomains), and what a withheld service groups, is withheld with it: each spells its name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registry import log
from registry.models import Category, Display, Resource, Restriction, strictest
from registry.models.resource import host_and_above

CHUNK = 500  # resources in one query
HOSTS = 50  # sites whose subdomains one query looks for
LESS = (Display.DOMAIN_ONLY, Display.WITHHELD)


class NotShown(ValueError):
    """The editor's choice would change nothing: the category is stricter."""


def wanted(resources: Collection[Resource]) -> dict[int, Display]:
    """What each one's display ought to be, by its id."""
    categories = dict(Category.objects.values_list("code", "display"))
    every = {one.pk: one for one in resources} | _above(resources)
    grounds = _grounds(set(every))
    found = {pk: effective(one.own_display, categories.get(one.category), grounds[pk]) for pk, one in every.items()}
    _spread(found, every.values())
    return {one.pk: found[one.pk] for one in resources}


def _above(resources: Iterable[Resource]) -> dict[int, Resource]:
    """The whole sites that these are on or below, the services that group them, and so on up."""
    found: dict[int, Resource] = {}
    fresh = list(resources)
    while fresh:
        hosts = {host for one in fresh for host in host_and_above(one.host)}
        whole = Q(host__in=hosts) & ~Q(type=Resource.Type.URL)
        rows = Resource.objects.filter(whole | Q(pk__in={one.service_id for one in fresh if one.service_id}))
        fresh = [one for one in rows if one.pk not in found]
        found |= {one.pk: one for one in fresh}
    return found


def _spread(found: dict[int, Display], resources: Collection[Resource]) -> None:
    """Withhold what a withheld one names or groups, until nothing more is."""
    withheld: set[int] = set()
    while len(withheld) < len(withheld := {pk for pk, display in found.items() if display == Display.WITHHELD}):
        hosts = {one.host for one in resources if one.pk in withheld and one.type != Resource.Type.URL} - {""}
        for one in resources:
            if one.service_id in withheld or not hosts.isdisjoint(host_and_above(one.host)):
                found[one.pk] = Display.WITHHELD


def effective(own: str, category: str | None, grounds: Iterable[str]) -> Display:
    """Of one resource by itself."""
    return strictest([category or Display.FULL, *([own] if own else grounds)])


def _grounds(resources: Collection[int]) -> dict[int, set[str]]:
    rows = Restriction.objects.order_by().filter(resource__in=resources).filter(grounds__display__in=LESS)
    found: dict[int, set[str]] = defaultdict(set)
    for pk, display in rows.values_list("resource", "grounds__display").distinct():
        found[pk].add(display)
    return found


@transaction.atomic
def refresh(resources: Iterable[int] | None = None, *, by: str, reason: str) -> int:
    """Bring `display` to what holds now, of these resources and whatever they name or group, or of all.

    Whatever changes a category, an own choice, a restriction's grounds, or what a category or a ground stands for,
    calls this in its own transaction. Answers how many changed; each is an entry of the log.
    """
    changed, waiting = 0, None if resources is None else set(resources)
    while waiting is None or waiting:
        turned: list[Resource] = []  # those that are withheld now, or no longer are
        for chunk in _chunks(waiting):
            found = wanted(chunk)
            for one in chunk:
                before, one.display = one.display, found[one.pk]
                if before == one.display:
                    continue
                one.save(update_fields=["display"])
                after = {"display": one.display}
                log.append("display", one, before={"display": before}, after=after, reason=reason, by=by)
                changed += 1
                turned += [one] if Display.WITHHELD in (before, one.display) else []
        waiting = set() if waiting is None else _below(turned)
    return changed


def _chunks(resources: Collection[int] | None) -> Iterator[list[Resource]]:
    rows = Resource.objects.order_by("pk")
    if resources is not None:
        pks = sorted(resources)
        for start in range(0, len(pks), CHUNK):
            yield list(rows.filter(pk__in=pks[start : start + CHUNK]).select_for_update())
        return
    last = 0
    while chunk := list(rows.filter(pk__gt=last).select_for_update()[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _below(resources: Collection[Resource]) -> set[int]:
    """The pages and names below these sites, and what these group."""
    found = set(Resource.objects.filter(service__in=resources).values_list("pk", flat=True))
    hosts = sorted({one.host for one in resources if one.type != Resource.Type.URL} - {""})
    for start in range(0, len(hosts), HOSTS):
        named = Q()
        for host in hosts[start : start + HOSTS]:
            named |= Q(host=host) | Q(host__endswith=f".{host}")
        found |= set(Resource.objects.filter(named).values_list("pk", flat=True))
    return found - {one.pk for one in resources}


@transaction.atomic
def choose(resource: Resource, display: str, *, by: str, reason: str) -> None:
    """An editor's own choice; "" takes it back. Raises NoReason, or NotShown where the category is stricter."""
    log.check_reason(reason)
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    category = Category.objects.filter(code=one.category).first()
    if display and category and strictest([display, category.display]) != display:
        raise NotShown(_("Its category allows no more; change the category first, if it is wrong."))
    _decide("choose_display", one, "own_display", display, by=by, reason=reason)
    resource.refresh_from_db()


@transaction.atomic
def categorise(resource: Resource, category: str, *, by: str, reason: str) -> None:
    """Put a resource into a category, or with "" into none. Raises NoReason, Category.DoesNotExist."""
    log.check_reason(reason)
    if category:
        Category.objects.get(code=category)
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    _decide("categorise", one, "category", category, by=by, reason=reason)
    resource.refresh_from_db()


def _decide(operation: str, one: Resource, column: str, value: str, *, by: str, reason: str) -> None:
    """One that is so already is no entry of the log."""
    before, after = {column: getattr(one, column)}, {column: value}
    if before != after:
        setattr(one, column, value)
        one.save(update_fields=[column])
        log.append(operation, one, before=before, after=after, reason=reason, by=by)
    refresh([one.pk], by=by, reason=reason)
