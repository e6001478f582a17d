"""What may be told of resources whose names are not shown in full: in pages, in the API, and in the log."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db.models import F, Model, Q, QuerySet, Value
from django.utils.translation import gettext

from checks.engine.records import Measurement as Record
from checks.models import Episode
from registry import veil
from registry.models import (
    Act,
    ActRole,
    Appeal,
    Display,
    Document,
    Erratum,
    Event,
    FieldSource,
    FormerAddress,
    Hiding,
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
SHORTEST = 3  # letters of a path that gives a page away
# Words about one resource: they may name it in any spelling, so they are shown only where it is shown in full.
TEXTS = frozenset({"fact", "kind_reason", "scope_ordered", "scope_observed", "words", "note", "text"})
TEXTS |= {f"{part}_{language}" for part in ("wrong", "righted") for language in ("kk", "ru", "en")}  # of errata
# Words of ours, which name nobody: a site that is called as a ground is must not take that ground away.
CODES = frozenset({"kind", "status", "type", "stance", "confidence", "grounds", "regions", "networks", "role"})
CODES |= {"authority", "authorities"}
# Words that the log leaves out where a resource is not shown in full, whether they are seen to name it or not.
UNLOGGED = TEXTS | {"resource", "about", "title", "url", "document_url", "addressee"}


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


def public(fields: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """What an API row may say about one resource: its texts empty, its name nowhere."""
    if resource.display == Display.FULL:
        return dict(fields)
    quiet = {name: "" if name in TEXTS and value is not None else value for name, value in fields.items()}
    return {name: value if name in CODES else hushed(value, [resource]) for name, value in quiet.items()}


@dataclass(frozen=True)
class Parted:
    """A change, parted into what the log tells and what it only commits to."""

    before: dict[str, Any]
    after: dict[str, Any]
    reason: str
    withheld: list[str]  # names of what is kept
    kept: dict[str, Any]  # empty where all is told


def part(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str,
    about: Collection[Resource],
    withheld: veil.Veil,
    private: Collection[str] = (),
) -> Parted:
    """`about` are the resources not shown in full that the record is about; it may name others that are `withheld`.

    `private` are fields that are kept whatever they say.
    """
    fields = {
        name
        for name in (*before, *after)
        if name not in CODES
        and any(_is_kept(name, value, about, withheld) for value in (before.get(name), after.get(name)))
    } | ({*before, *after} & set(private))
    kept: dict[str, Any] = {
        side: found
        for side, values in (("before", before), ("after", after))
        if (found := {name: value for name, value in values.items() if name in fields})
    }
    if reveals(reason, about) or withheld.spells(reason):
        kept["reason"] = reason
    told_before, told_after = (
        {name: value for name, value in values.items() if name not in fields} for values in (before, after)
    )
    names = sorted(fields | {"reason"} if "reason" in kept else fields)
    return Parted(told_before, told_after, "" if "reason" in kept else reason, names, kept)


def _is_kept(name: str, value: Any, about: Collection[Resource], withheld: veil.Veil) -> bool:
    if isinstance(value, str):
        about_one = bool(about) and value != "" and name in UNLOGGED
        return about_one or reveals(value, about) or withheld.spells(value)
    if isinstance(value, Mapping):
        return any(one not in CODES and _is_kept(one, inner, about, withheld) for one, inner in value.items())
    if isinstance(value, list | tuple):
        return any(_is_kept(name, one, about, withheld) for one in value)
    grouped = name == "service" and value is not None
    return grouped and any(one.display == Display.WITHHELD for one in about)


def fields_of(resource: Resource) -> dict[str, str]:
    """What the log is told of a resource that joins the register."""
    names = ("type", "name", "host", "slug", "category", "display")
    return {name: str(getattr(resource, name)) for name in names}


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


def of_subjects(subjects: Iterable[str]) -> dict[str, list[Resource]]:
    """The resources not shown in full that records are about, by how the log names these ("restriction/12")."""
    asked = set(subjects)
    errata = {int(one.partition("/")[2]) for one in asked if re.fullmatch(r"erratum/\d{1,18}", one)}
    # An erratum names the record that it is about as the log does.
    through = dict(Erratum.objects.filter(pk__in=errata).values_list("pk", "subject")) if errata else {}
    about = _of_records(asked.union(through.values()))
    return about | {f"erratum/{pk}": about[subject] for pk, subject in through.items() if subject in about}


def _of_records(subjects: Iterable[str]) -> dict[str, list[Resource]]:
    ids: dict[str, set[int]] = defaultdict(set)
    for subject in subjects:
        model, _slash, pk = subject.partition("/")
        if pk.isdecimal():
            ids[model].add(int(pk))
    about: dict[str, list[Resource]] = defaultdict(list)
    parts = list(_about(ids))
    if not parts:
        return about
    pairs = [(subject, resource) for *subject, resource in parts[0].union(*parts[1:]) if resource]
    hidden = Resource.objects.exclude(display=Display.FULL).in_bulk({resource for _subject, resource in pairs})
    for (model, number), resource in pairs:
        if resource in hidden:
            about[f"{model}/{number}"].append(hidden[resource])
    for former in FormerAddress.objects.filter(number__in=ids["resource"]).select_related("resource"):
        about[f"resource/{former.number}"] += [former.resource, as_it_was(former, former.resource)]
    return about


def ties(entry: LogEntry, resources: Iterable[Resource]) -> bool:
    """Does an entry say which service groups a withheld resource?"""
    return _GROUPED.search(entry.payload) is not None and any(one.display == Display.WITHHELD for one in resources)


def _about(ids: Mapping[str, Collection[int]]) -> Iterable[QuerySet[Any, Any]]:
    """(model, record's id, a resource that it is about)."""
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
        "hiding": (
            Hiding,
            (
                "document__acts__restrictions__resource",
                "document__appeals__restriction__resource",
                "document__appeals__act__restrictions__resource",
            ),
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
                rows = table._default_manager.filter(pk__in=asked).order_by()
                yield rows.values_list(Value(model), F("pk"), F(path))


def as_it_was(former: FormerAddress, now: Resource) -> Resource:
    """A resource that was merged: its name may be shown as far as that of the one it became."""
    url = former.type == Resource.Type.URL
    host = former.name.partition("://")[2].partition("/")[0].partition(":")[0] if url else former.name
    one = Resource(
        pk=former.number, type=former.type, name=former.name, slug=former.slug, host=host if "." in host else ""
    )
    one.display = now.display
    return one
