"""How much of a resource's name is shown: the strictest of what holds for it, kept in `Resource.display`.

Three things have a say. A *category* is our own judgement of what a site is about. A *ground* is what a body says
of it, right or not (a court once closed who.int for suicide). An editor's *own choice* stands in the place of the
grounds, with its reason in the log, but never shows more than the category allows. What is on a withheld site or
below it (its pages, its subdomains), and what a withheld service groups, is withheld with it: each spells its name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.engine.records import Measurement as Record
from checks.models import Episode
from registry import log, veil
from registry.models import (
    Act,
    ActRole,
    Appeal,
    Category,
    Display,
    Document,
    Event,
    FieldSource,
    FormerAddress,
    InformationRequest,
    Listing,
    LogEntry,
    Notice,
    Report,
    RequestStep,
    Resource,
    Restriction,
    RestrictionRole,
    Statement,
    strictest,
)
from registry.models.resource import host_and_above

_GROUPED = re.compile(r'"service":\d')
CHUNK = 500  # resources in one query
LESS = (Display.DOMAIN_ONLY, Display.WITHHELD)
SHORTEST = 3  # letters of a path that gives a page away
# Words about one resource: they may name it in any spelling, so they are shown only where it is shown in full.
TEXTS = frozenset({"fact", "kind_reason", "scope_ordered", "scope_observed", "words", "note", "text"})
# Words of ours, which name nobody: a site that is called as a ground is must not take that ground away.
CODES = frozenset({"kind", "status", "type", "stance", "confidence", "grounds", "regions", "networks", "role"})
CODES |= {"authority", "authorities"}
NAMES = frozenset({"name", "host", "address", "slug"})
# What the log leaves out where a resource is not shown in full.
UNLOGGED = TEXTS | NAMES | {"resource", "about", "title", "url", "document_url", "addressee"}


class NotShown(ValueError):
    """The editor's choice would change nothing: the category is stricter."""


# --- what holds


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
    changed = 0
    for chunk in _chunks(resources):
        found = wanted(chunk)
        for one in chunk:
            if one.display == found[one.pk]:
                continue
            one.display = found[one.pk]
            one.save(update_fields=["display"])
            log.append("display", one, fields={"display": one.display}, reason=reason, by=by)
            changed += 1
    return changed


def _chunks(resources: Iterable[int] | None) -> Iterable[list[Resource]]:
    rows = Resource.objects.order_by("pk")
    if resources is not None:
        pks = sorted(_and_below(set(resources)))
        for start in range(0, len(pks), CHUNK):
            yield list(rows.filter(pk__in=pks[start : start + CHUNK]).select_for_update())
        return
    last = 0
    while chunk := list(rows.filter(pk__gt=last).select_for_update()[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _and_below(found: set[int]) -> set[int]:
    """These, the pages and names below their sites, what they group, and so on down."""
    rows = list(Resource.objects.order_by().values_list("pk", "type", "host", "service"))
    before = 0
    while before < (before := len(found)):
        hosts = {host for pk, type, host, _ in rows if pk in found and type != Resource.Type.URL} - {""}
        found = found | {
            pk for pk, _, host, service in rows if service in found or not hosts.isdisjoint(host_and_above(host))
        }
    return found


@transaction.atomic
def choose(resource: Resource, display: str, *, by: str, reason: str) -> None:
    """An editor's own choice; "" takes it back. Raises NoReason, or NotShown where the category is stricter."""
    log.check_reason(reason)
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    category = Category.objects.filter(code=one.category).first()
    if display and category and strictest([display, category.display]) != display:
        raise NotShown(_("Its category allows no more; change the category first, if it is wrong."))
    one.own_display = display
    one.save(update_fields=["own_display"])
    log.append("choose_display", one, fields={"own_display": display}, reason=reason, by=by)
    refresh([one.pk], by=by, reason=reason)
    resource.refresh_from_db()


@transaction.atomic
def categorise(resource: Resource, category: str, *, by: str, reason: str) -> None:
    """Put a resource into a category, or with "" into none. Raises NoReason, Category.DoesNotExist."""
    log.check_reason(reason)
    if category:
        Category.objects.get(code=category)
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    one.category = category
    one.save(update_fields=["category"])
    log.append("categorise", one, fields={"category": category}, reason=reason, by=by)
    refresh([one.pk], by=by, reason=reason)
    resource.refresh_from_db()


# --- what may be told


def reveals(text: str, resources: Iterable[Resource]) -> bool:
    """Does a text about these resources say more of one of their names than may be shown, in whatever spelling?"""
    words = ""
    for one in resources:
        needles = _needles(one)
        words = words or (veil.slugged(text) if needles else "")
        if any(needle in words for needle in needles):
            return True
    return False


def _needles(resource: Resource) -> set[str]:
    """What may not be shown, as words with hyphens between: an app may be called X, and other words have an x too."""
    if resource.display == Display.FULL:
        return set()
    found = set()
    if resource.type == Resource.Type.URL:
        path = resource.name.partition("://")[2].partition("/")[2].rstrip("/")
        found |= {resource.slug, *([path] if len(path) >= SHORTEST else [])}
    if resource.display == Display.WITHHELD:
        found |= {resource.name, resource.slug, resource.host, *_telling(resource.host)}
    return {veil.slugged(text) for text in found} - {"--"}


def _telling(host: str) -> list[str]:
    """The label that makes a host known: shop of www.shop.kz."""
    labels = [label for label in host.split(".")[:-1] if len(label) > SHORTEST and not label.isdecimal()]
    return labels[-1:]


def told(text: str, resources: Iterable[Resource]) -> str:
    """The text, or that it is not shown."""
    return gettext("not shown here: it would give the address away") if reveals(text, resources) else text


def public(fields: Mapping[str, Any], resource: Resource, texts: Collection[str] = TEXTS) -> dict[str, Any]:
    """What an API row or an entry of the log may say about one resource: its texts empty, its name nowhere."""
    if resource.display == Display.FULL:
        return dict(fields)
    quiet = {name: "" if name in texts and value is not None else value for name, value in fields.items()}
    return {name: value if name in CODES else hushed(value, [resource]) for name, value in quiet.items()}


def public_fields(resource: Resource) -> dict[str, str]:
    """What the log may show of a resource."""
    if resource.display == Display.WITHHELD:
        return {"type": resource.type, "display": resource.display, "category": resource.category}
    shown = {"type": resource.type, "name": resource.display_name}
    slug = {"slug": resource.slug} if resource.display == Display.FULL else {}
    return shown | slug | {"category": resource.category}


def hushed(value: Any, resources: Collection[Resource]) -> Any:
    """The same with every text empty that says too much."""
    if isinstance(value, str):
        return "" if reveals(value, resources) else value
    if isinstance(value, Mapping):
        return {name: one if name in CODES else hushed(one, resources) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [hushed(one, resources) for one in value]
    return value


def of_report(report: Report) -> Display:
    """How much of a reported name a receipt may show: while it waits, too, no more than the register shows."""
    named = Resource.objects.withheld_sites().filter(host__in=host_and_above(report.target.host)).values("pk")
    known = Q(pk=report.resource_id) | Q(targets=report.target) | Q(pk__in=named)
    return strictest(Resource.objects.filter(known).order_by().values_list("display", flat=True))


def withheld_hosts() -> frozenset[str]:
    """Sites whose name no record of a visit may show: another site may have led there."""
    return frozenset(Resource.objects.withheld_sites().values_list("host", flat=True))


def names_any(record: Record, hosts: Collection[str]) -> bool:
    """Does the record of a visit name one of these hosts, or a name below one?"""
    urls = [text for one in record.exchanges for text in (one.url, one.location)]
    named = {urlsplit(url).hostname for url in urls if url} | {one.name for one in record.queries}
    named |= {one.server_name for one in record.handshakes}
    return any(above in hosts for name in named if name for above in host_and_above(name.casefold()))


def of_subjects(entries: Collection[LogEntry]) -> dict[str, list[Resource]]:
    """The resources not shown in full that entries of the log are about, by subject."""
    ids: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        model, _slash, pk = entry.subject.partition("/")
        if pk.isdecimal():
            ids[model].add(int(pk))
    about: dict[str, list[Resource]] = defaultdict(list)
    for model, rows in _about(ids):
        pairs = [(number, resource) for number, resource in rows.order_by() if resource]
        hidden = Resource.objects.exclude(display=Display.FULL).in_bulk({resource for _number, resource in pairs})
        for number, resource in pairs:
            if resource in hidden:
                about[f"{model}/{number}"].append(hidden[resource])
    for former in FormerAddress.objects.filter(number__in=ids["resource"]).select_related("resource"):
        about[f"resource/{former.number}"] += [former.resource, _as_it_was(former)]
    return about


def ties(entry: LogEntry, resources: Iterable[Resource]) -> bool:
    """Does an entry say which service groups a withheld resource?"""
    return _GROUPED.search(entry.payload) is not None and any(one.display == Display.WITHHELD for one in resources)


def _about(ids: Mapping[str, Collection[int]]) -> Iterable[tuple[str, QuerySet[Any, Any]]]:
    """Pairs of a record's id and a resource that it is about, by the record's model."""
    through: dict[str, tuple[type[Model], tuple[str, ...]]] = {
        "resource": (Resource, ("pk",)),
        "restriction": (Restriction, ("resource",)),
        "restrictionrole": (RestrictionRole, ("restriction__resource",)),
        "listing": (Listing, ("resource",)),
        "statement": (Statement, ("restriction__resource", "event__restrictions__resource")),
        "act": (Act, ("restrictions__resource",)),
        "actrole": (ActRole, ("act__restrictions__resource",)),
        "appeal": (Appeal, ("restriction__resource", "act__restrictions__resource")),
        "document": (
            Document,
            ("acts__restrictions__resource", "appeals__restriction__resource", "appeals__act__restrictions__resource"),
        ),
        "notice": (Notice, ("resource",)),
        "informationrequest": (
            InformationRequest,
            ("resource", "restriction__resource", "event__restrictions__resource"),
        ),
        "requeststep": (
            RequestStep,
            ("request__resource", "request__restriction__resource", "request__event__restrictions__resource"),
        ),
        "fieldsource": (
            FieldSource,
            ("restriction__resource", "act__restrictions__resource", "event__restrictions__resource"),
        ),
        "event": (Event, ("restrictions__resource",)),
        "episode": (Episode, ("target__coverage__resource",)),
    }
    for model, (table, paths) in through.items():
        if asked := ids.get(model):
            for path in paths:
                yield model, table._default_manager.filter(pk__in=asked).values_list("pk", path)


def _as_it_was(former: FormerAddress) -> Resource:
    """A resource that was merged: its name may be shown as far as that of the one it became."""
    url = former.type == Resource.Type.URL
    host = former.name.partition("://")[2].partition("/")[0].partition(":")[0] if url else former.name
    one = Resource(type=former.type, name=former.name, slug=former.slug, host=host if "." in host else "")
    one.display = former.resource.display
    return one
