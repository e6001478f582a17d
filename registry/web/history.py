"""The pages of every change: all of them, those of one record, and the newest as a feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import BigIntegerField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry import dates, discretion, history, labels, veil
from registry.labels import Records, Reference
from registry.models import (
    Act,
    ActRole,
    Appeal,
    Authority,
    Event,
    FormerAddress,
    InformationRequest,
    Listing,
    LogEntry,
    Resource,
    Restriction,
    RestrictionRole,
    Snapshot,
)
from registry.models.snapshot import STATE_REGISTER
from registry.models.withdrawal import Withdrawable
from registry.web import feeds
from registry.web.deadlines import check_day
from registry.web.names import alphabetical, key_of

ROWS = 18  # changes on one page
FIELDS = 3  # of one change, where many changes are listed
SHORT, LONG = 60, 180  # characters of a value among many changes, and in the history of one record
REASON = 3  # times as many of a reason
WEIGHT = 8_000  # characters of values on one page of a record's history
NEWEST = 50  # in the feed
# Another word for the same, and what only befalls what is hidden in an emergency: its table finds it.
NOT_OFFERED = frozenset({"update", "hide", "confirm_hiding", "lift_hiding", "end_hiding"})
BESIDE = 30  # histories that the history of a resource leads to


@dataclass(frozen=True)
class Change:
    """A field before and after, in words; empty where there was or is nothing."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    """One entry in words."""

    entry: history.Entry
    table: str
    name: str  # empty: of a record that has none, or is gone, or may not be named
    operation: str
    hour: str
    hand: str
    changes: tuple[Change, ...]
    more: int  # fields that are not shown here
    withheld: tuple[str, ...]
    reason: str
    another: bool  # it is of a part of the record, or of one that was merged into it


def lines(
    entries: Sequence[history.Entry],
    *,
    letters: int,
    fields: int | None = None,
    records: Records | None = None,
    of: str = "",
) -> list[Line]:
    """What a page says of entries; `of` is the record whose history it is."""
    records = records or Records(references(entries))
    return [_line(one, records, letters, fields, of) for one in entries]


def references(entries: Iterable[history.Entry]) -> Iterable[Reference]:
    for one in entries:
        yield Reference(one.model, "pk", str(one.pk))
        for values in (one.before or {}, one.after):
            yield from labels.references(one.model, values)


def _line(one: history.Entry, records: Records, letters: int, fields: int | None, of: str) -> Line:
    def words(values: dict[str, Any], name: str) -> str:
        text = labels.value(one.model, name, values.get(name), records)
        return Truncator(discretion.told(text, one.about)).chars(letters)

    row = records.get(Reference(one.model, "pk", str(one.pk)))
    name = discretion.told(labels.called(row), one.about) if row else ""
    new = one.operation in ("create", "import")
    told = [name for name in one.after if not (new and labels.is_plain_no(one.model, name, one.after[name]))]
    if new and fields is not None:  # it says all that is known of it: among many changes that would be too much
        told = []
    changes = (
        Change(labels.field(one.model, name), words(one.before or {}, name), words(one.after, name)) for name in told
    )
    shown = [change for change in changes if change.before or change.after]
    return Line(
        entry=one,
        table=labels.table(one.model),
        name=name,
        operation=labels.operation(one.operation),
        hour=dates.shown(f"{one.at.astimezone(UTC):%Y-%m-%dT%HZ}"),
        hand=labels.hand(one.role),
        changes=tuple(shown[:fields]),
        more=len(shown[fields:]) if fields is not None else 0,
        withheld=tuple(labels.field(one.model, name) for name in one.withheld),
        reason=Truncator(labels.reason(one.reason)).chars(REASON * letters),
        another=bool(of) and one.subject != of,
    )


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(
        label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget, validators=[check_day]
    )


class ChangeFilter(forms.Form):
    kind = forms.ChoiceField(label=_("What was changed"), required=False)
    operation = forms.ChoiceField(label=_("What was done"), required=False)
    role = forms.ChoiceField(label=_("By whose hand"), required=False)
    after = _day(_("From"))
    before = _day(_("Until"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = sorted(((name, labels.table(name)) for name in labels.TABLES), key=lambda one: alphabetical(one[1]))
        for name, choices in (
            ("kind", kinds),
            ("operation", [one for one in labels.OPERATIONS.items() if one[0] not in NOT_OFFERED]),
            ("role", labels.ROLES.items()),
        ):
            self.fields[name].choices = [("", _("any")), *choices]  # type: ignore[attr-defined]

    def leaves(self) -> QuerySet[LogEntry]:
        """The entries that the filter leaves; none while it is not understood."""
        if not self.is_valid():
            return LogEntry.objects.none()
        rows, asked = LogEntry.objects.all(), self.cleaned_data
        if asked["kind"]:
            rows = rows.filter(subject__startswith=f"{asked['kind']}/")
        for name in ("operation", "role"):
            if asked[name]:
                rows = rows.filter(**{name: asked[name]})
        if asked["after"]:
            rows = rows.filter(at__gte=_midnight(asked["after"]))
        return rows.filter(at__lt=_midnight(asked["before"] + timedelta(days=1))) if asked["before"] else rows


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


@dataclass(frozen=True)
class Part:
    """A part of a long list; `older` and `newer` are the entries that others begin behind, None: there is none."""

    rows: list[LogEntry]
    older: int | None
    newer: int | None


def _part(rows: QuerySet[LogEntry], asked: Any) -> Part:
    """The newest, or those before or after an entry. No page counts what may be a million."""
    below, above = (int(text) if text.isdecimal() and len(text) < labels.DIGITS else None for text in asked)
    if above is not None:
        found = list(rows.filter(pk__gt=above).order_by("pk")[: ROWS + 1])
        shown = found[:ROWS][::-1]
        return Part(shown, shown[-1].pk if shown else None, shown[0].pk if len(found) > ROWS else None)
    if below is not None:
        rows = rows.filter(pk__lt=below)
    found = list(rows.order_by("-pk")[: ROWS + 1])
    shown = found[:ROWS]
    newer = shown[0].pk if shown and below is not None else None
    return Part(shown, shown[-1].pk if len(found) > ROWS else None, newer)


def changes(request: HttpRequest) -> HttpResponse:
    asked = ChangeFilter(request.GET, auto_id="filter-%s")
    part = _part(asked.leaves(), [request.GET.get(name, "") for name in ("below", "above")])
    context = {
        "form": asked,
        "part": part,
        "lines": lines(history.read(part.rows, veil.of(request)), letters=SHORT, fields=FIELDS),
        "older_have_no_role": bool(request.GET.get("role")) and LogEntry.objects.filter(role=None).exists(),
    }
    return render(request, "registry/history.html", context, status=200 if asked.is_valid() else 400)


def record(request: HttpRequest, model: str, pk: int) -> HttpResponse:
    """One record from its first entry to its last. What was merged leads to what it became."""
    if model not in labels.TABLES or pk > BigIntegerField.MAX_BIGINT:
        raise Http404
    former: list[int] = []
    if model == "resource":
        numbers = FormerAddress.objects.filter(resource=pk) | FormerAddress.objects.filter(number=pk)
        for one in numbers:
            if one.number == pk:
                return redirect("record_history", model, one.resource_id, permanent=True)
            former.append(one.number)
    subject = f"{model}/{pk}"
    rows = list(history.of_record(model, pk, former))
    about = discretion.of_subjects({subject, *(row.subject for row in rows)})
    entries = history.compared(history.entry(row, about.get(row.subject, ()), veil.of(request)) for row in rows)
    page = Paginator(_weighed(entries), 1, allow_empty_first_page=True).get_page(request.GET.get("page"))
    shown = page.object_list[0] if page.object_list else []
    itself = Reference(model, "pk", str(pk))
    records = Records([itself, *references(shown)])
    row = records.get(itself)
    if not entries and row is None:
        raise Http404
    context = {
        "subject": subject,
        "table": labels.table(model),
        "name": discretion.told(labels.called(row), about.get(subject, ())) if row else "",
        "model": model,
        "pk": pk,
        "withdrawn": discretion.told(row.withdrawn, about.get(subject, ())) if _is_withdrawn(row) else "",
        "withdrawn_on": row.withdrawn_on if _is_withdrawn(row) else None,
        "address": address_of(row, request),
        "page": page,
        "count": len(entries),
        "first": dates.shown(f"{entries[0].at.astimezone(UTC):%Y-%m-%dT%HZ}") if entries else "",
        "lines": lines(shown, letters=LONG, records=records, of=subject),
        "beside": _beside(row),
        "site": settings.SITE_URL.rstrip("/"),
    }
    return render(request, "registry/record_history.html", context)


def _is_withdrawn(row: Any) -> bool:
    return isinstance(row, Withdrawable) and bool(row.withdrawn)


def _weighed(entries: Iterable[history.Entry]) -> list[list[history.Entry]]:
    """Entries in pages that stay small: a record may have many, and one of them long."""
    pages: list[list[history.Entry]] = []
    weight = WEIGHT
    for one in entries:
        values = [*(one.before or {}).values(), *one.after.values()]
        own = 400 + min(len(one.reason), REASON * LONG) + sum(60 + min(len(str(value)), LONG) for value in values)
        if weight + own > WEIGHT:
            pages.append([])
            weight = 0
        pages[-1].append(one)
        weight += own
    return pages


def _beside(row: Any) -> list[tuple[str, str, int]]:
    """Records whose history belongs to this one's: what they are, their table and their number."""
    match row:
        case Resource():
            found = row.restrictions.public().order_by("pk")[:BESIDE]
            return [(_spelled(one), "restriction", one.pk) for one in found]
        case Restriction():
            return [(f"{labels.table('resource')}: {row.resource.display_name}", "resource", row.resource_id)]
    return []


def _spelled(one: Restriction) -> str:
    since = f", {one.began_shown}" if one.began else ""
    return f"{labels.table('restriction')}: {one.get_kind_display()}{since}"


def address_of(row: Any, request: HttpRequest) -> str:
    """The page on which a record stands; empty where none does."""
    match row:
        case Resource():
            return row.get_absolute_url()
        case Restriction():
            return row.resource.get_absolute_url()
        case Act():
            return reverse("act", args=[key_of(row, request)])
        case ActRole() | Appeal():
            return reverse("act", args=[key_of(row.act, request)])
        case Authority():
            return reverse("authority", args=[row.code])
        case RestrictionRole():
            return reverse("authority", args=[row.authority.code])
        case Event():
            return reverse("event", args=[key_of(row, request)])
        case InformationRequest():
            return reverse("request", args=[key_of(row, request)])
        case Listing():
            return row.resource.get_absolute_url() if row.resource else reverse("state_register")
        case Snapshot():
            return row.get_absolute_url() if row.list == STATE_REGISTER else ""
    return _other_address(row)


_LISTS = {
    "erratum": "errata",
    "statement": "statements",
    "notice": "notices",
    "officialfigure": "figures",
    "ground": "grounds",
    "deadline": "deadlines",
    "holiday": "deadlines",
    "requeststep": "requests",
    "vantage": "networks",
    "ruleset": "rules",
    "wave": "events",
}


def _other_address(row: Any) -> str:
    if row is None:
        return ""
    match row._meta.model_name:
        case "episode":
            return reverse("episode", args=[row.pk])
        case "network":
            return reverse("network", args=[row.asn])
        case name if name in _LISTS:
            return reverse(_LISTS[name])
    return ""


def feed(request: HttpRequest) -> HttpResponse:
    """`/history.atom?lang=kk`: the newest changes."""
    return feeds.in_language(request, Newest)


class Newest(feeds.Told):
    page, name = "history", "history_feed"

    def title(self) -> str:
        return gettext("Tizilim: changes of the register")

    def subtitle(self) -> str:
        return gettext("The newest changes of public records, as the log tells them.")

    def items(self) -> list[Line]:
        rows = list(LogEntry.objects.order_by("-pk")[:NEWEST])
        return lines(history.read(rows, veil.read()), letters=LONG, fields=FIELDS)

    def item_title(self, item: Line) -> str:
        return f"{capfirst(item.table)}: {item.name or f'№ {item.entry.pk}'} – {item.operation}"

    def item_description(self, item: Line) -> str:
        words = [f"{one.field}: {one.before or '–'} → {one.after or '–'}" for one in item.changes]
        return "; ".join([*words, item.reason])

    def item_link(self, item: Line) -> str:
        return feeds.whole(reverse("record_history", args=[item.entry.model, item.entry.pk]))

    def item_guid(self, item: Line) -> str:
        return feeds.tag(f"log/{item.entry.index}")

    def item_author_name(self, item: Line) -> str:
        return item.entry.by

    def item_pubdate(self, item: Line) -> datetime:
        return item.entry.at

    def item_updateddate(self, item: Line) -> datetime:
        return item.entry.at


urlpatterns = [
    path("history/", changes, name="history"),
    path("history/<slug:model>/<int:pk>/", record, name="record_history"),
]
