"""What a country pack would change, table by table, for whoever is to agree to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile, zip_longest
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext, pgettext_lazy

from registry import labels, packs, proposals
from registry.editing import NotPossible
from registry.models import Proposal
from registry.packs import Difference, Loaded
from registry.proposals import Operation, State

DONE = {
    "created": pgettext_lazy("of a country pack", "added"),
    "changed": pgettext_lazy("of a country pack", "changed"),
    "removed": pgettext_lazy("of a country pack", "removed"),
    "kept": pgettext_lazy("of a country pack", "kept as an editor left them"),
    "unchanged": pgettext_lazy("of a country pack", "unchanged"),
}
FIRST = 3  # rows of each table on the page of the proposal
ROOM = 12_000  # bytes of all of them; a page has 30,000
PAGE = 18_000  # bytes of the rows on one page of a table
SHORT, LONG = 80, 600  # characters of one value
LEAD = 20  # characters before the first that differs
FIELD = 150  # bytes of what stands round a field


@dataclass
class Table:
    """One table of a pack: how many rows of it would change, and some of them."""

    name: str
    label: str
    counts: list[tuple[Any, int]]
    rows: list[SafeString]
    changes: int
    same: int  # rows that are as the pack has them

    @property
    def stays(self) -> bool:
        return self.same == sum(number for _words, number in self.counts)


def overview(loaded: Loaded) -> list[Table]:
    """Every table, those that would change first, with the first rows of each as far as there is room."""
    tables = {name: _table(name, loaded) for name in loaded.counts}
    first = [_of_table(loaded, name)[:FIRST] for name in tables]
    told = [one for rank in zip_longest(*first) for one in rank if one]  # the first of each, then the second
    left = ROOM
    for one, row in zip(told, _rendered(told, loaded, SHORT), strict=True):
        left -= len(row.encode())
        if left > 0:
            tables[one.table].rows.append(row)
    return sorted(tables.values(), key=lambda one: not one.changes)


def changes(request: HttpRequest, pk: int, table: str) -> HttpResponse:
    """All rows of one table."""
    row = get_object_or_404(Proposal, pk=pk, operation=Operation.PACK, state=State.WAITING)
    if not request.user.has_perm(proposals.permission_for(row)):
        raise PermissionDenied
    try:
        loaded = proposals.changes_of(row)
    except NotPossible as refused:
        return render(request, "desk/no_preview.html", {"row": row, "why": str(refused)}, status=409)
    if table not in loaded.counts:
        raise Http404
    page = Paginator(list(_pages(_of_table(loaded, table))), 1).get_page(request.GET.get("page"))
    rows = [text for one in page for text in _fitting(one, loaded)]
    context = {"row": row, "table": _table(table, loaded), "page": page, "rows": rows}
    return render(request, "desk/pack.html", context)


def _table(name: str, loaded: Loaded) -> Table:
    counts = [(words, loaded.counts[name].get(done, 0)) for done, words in DONE.items()]
    model: Any = apps.get_model(loaded.models[name])
    label = gettext("How much of names is shown") if name == packs.DISPLAYS else model._meta.verbose_name_plural
    shown = [one for one in counts if one[1]]
    same = loaded.counts[name].get("unchanged", 0)
    return Table(name, capfirst(label), shown, [], len(_of_table(loaded, name)), same)


def _of_table(loaded: Loaded, name: str) -> list[Difference]:
    return [one for one in loaded.differences if one.table == name]


def _pages(rows: Iterable[Difference]) -> Iterator[list[Difference]]:
    """As many as fit."""
    page: list[Difference] = []
    left = PAGE
    for one in rows:
        left -= _weight(one)
        if page and left < 0:
            yield page
            page, left = [], PAGE - _weight(one)
        page.append(one)
    if page:
        yield page


def _weight(one: Difference) -> int:
    """About how many bytes it takes."""
    values = [*one.before.values(), *one.after.values()]
    fields = len({*one.before, *one.after})
    return (1 + fields) * FIELD + sum(len(str(value)[:LONG].encode()) for value in values)


def _fitting(rows: list[Difference], loaded: Loaded) -> Iterator[SafeString]:
    """One that alone is larger than a page is told with shorter values."""
    yield from _rendered(rows, loaded, LONG if sum(map(_weight, rows)) <= PAGE else SHORT)


def _rendered(rows: list[Difference], loaded: Loaded, most: int) -> Iterator[SafeString]:
    kinds = [str(apps.get_model(loaded.models[one.table])._meta.model_name) for one in rows]
    asked = [
        found
        for one, kind in zip(rows, kinds, strict=True)
        for side in (one.before, one.after)
        for found in labels.references(kind, side)
    ]
    records = labels.Records(asked)
    for one, kind in zip(rows, kinds, strict=True):
        fields = [
            (_label(loaded.models[one.table], kind, name), *_words(one, kind, name, records, most))
            for name in dict.fromkeys([*one.before, *one.after])
        ]
        yield render_to_string(
            "desk/_change.html",
            {"name": Truncator(one.name).chars(SHORT), "done": DONE[one.done], "fields": fields},
        )


def _label(table: str, kind: str, name: str) -> str:
    model = apps.get_model(table)
    known = kind in labels.TABLES
    return str(capfirst(labels.field(kind, name) if known else model._meta.get_field(name).verbose_name))


def _words(one: Difference, kind: str, name: str, records: labels.Records, most: int) -> tuple[str, str]:
    before, after = (labels.value(kind, name, side.get(name, ""), records) for side in (one.before, one.after))
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    if before and after and max(len(before), len(after)) > most and same > LEAD:  # what differs has to be seen
        before, after = (f"…{text[same - LEAD :]}" for text in (before, after))
    return Truncator(before).chars(most), Truncator(after).chars(most)
