"""How much of a resource's name is shown: the strictest of what holds for it, kept in `Resource.display`.

Three things have a say. A *category* is our own judgement of what a site is about. A *ground* is what a body says
of it, right or not (a court once closed who.int for suicide). An editor's *own choice* stands in the place of the
grounds, with its reason in the log, but never shows more than the category allows. A page is shown no further than
the whole site that it belongs to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from registry import log
from registry.models import Category, Display, Resource, Restriction, strictest

CHUNK = 500  # resources in one query
WHOLE = (Resource.Type.DOMAIN, Resource.Type.SERVICE, Resource.Type.IP)
LESS = (Display.DOMAIN_ONLY, Display.WITHHELD)


class NotShown(ValueError):
    """The editor's choice would change nothing: the category is stricter."""


def wanted(resources: Collection[Resource]) -> dict[int, Display]:
    """What each one's display ought to be, by its id."""
    categories = dict(Category.objects.values_list("code", "display"))
    pages = [one for one in resources if one.type == Resource.Type.URL]
    above = Resource.objects.filter(type__in=WHOLE, host__in={one.host for one in pages})
    sites = {one.pk: one for one in above}
    grounds = _grounds({one.pk for one in resources} | set(sites))
    by_host: dict[str, list[Display]] = defaultdict(list)
    for site in sites.values():
        by_host[site.host].append(effective(site.own_display, categories.get(site.category), grounds[site.pk]))
    found = {one.pk: effective(one.own_display, categories.get(one.category), grounds[one.pk]) for one in resources}
    for page in pages:
        whole = Display.WITHHELD if Display.WITHHELD in by_host[page.host] else Display.FULL
        found[page.pk] = strictest([found[page.pk], whole])
    return found


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
    """Bring `display` to what holds now, of these resources and the pages of their sites, or of all.

    Whatever changes a category, an own choice, a restriction's grounds, or what a category or a ground stands for,
    calls this in its own transaction. Answers how many changed; each is an entry of the log.
    """
    changed = 0
    for chunk in _chunks(resources):
        found = wanted(chunk)
        for one in chunk:
            if one.display == found[one.pk]:
                continue
            before, one.display = one.display, found[one.pk]
            one.save(update_fields=["display"])
            log.append("display", one, before={"display": before}, after={"display": one.display}, reason=reason, by=by)
            changed += 1
    return changed


def _chunks(resources: Iterable[int] | None) -> Iterable[list[Resource]]:
    rows = Resource.objects.order_by("pk")
    if resources is not None:
        given = set(resources)
        hosts = set(rows.filter(pk__in=given, type__in=WHOLE).exclude(host="").values_list("host", flat=True))
        pages = rows.filter(type=Resource.Type.URL, host__in=hosts)
        pks = sorted(given | set(pages.values_list("pk", flat=True)))
        for start in range(0, len(pks), CHUNK):
            yield list(rows.filter(pk__in=pks[start : start + CHUNK]).select_for_update())
        return
    last = 0
    while chunk := list(rows.filter(pk__gt=last).select_for_update()[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


@transaction.atomic
def choose(resource: Resource, display: str, *, by: str, reason: str) -> None:
    """An editor's own choice; "" takes it back. Raises NoReason, or NotShown where the category is stricter."""
    log.check_reason(reason)
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    category = Category.objects.filter(code=one.category).first()
    if display and category and strictest([display, category.display]) != display:
        raise NotShown(_("Its category allows no more; change the category first, if it is wrong."))
    before, one.own_display = one.own_display, display
    one.save(update_fields=["own_display"])
    log.append(
        "choose_display", one, before={"own_display": before}, after={"own_display": display}, reason=reason, by=by
    )
    refresh([one.pk], by=by, reason=reason)
    resource.refresh_from_db()


@transaction.atomic
def categorise(resource: Resource, category: str, *, by: str, reason: str) -> None:
    """Put a resource into a category, or with "" into none. Raises NoReason, Category.DoesNotExist."""
    log.check_reason(reason)
    if category:
        Category.objects.get(code=category)
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    before, one.category = one.category, category
    one.save(update_fields=["category"])
    log.append("categorise", one, before={"category": before}, after={"category": category}, reason=reason, by=by)
    refresh([one.pk], by=by, reason=reason)
    resource.refresh_from_db()
