"""The queue: what waits at the desk, kind by kind, with who holds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry import leases, log
from registry.desk import holding
from registry.desk.holding import Hold
from registry.desk.work import KINDS, Work
from registry.models import Lease
from registry.moderation import NotWaiting

ON_A_PAGE = 25
_SEARCH = forms.TextInput(attrs={"type": "search"})


class Filters(forms.Form):
    q = forms.CharField(label=_("Text"), required=False, max_length=200, widget=_SEARCH)
    state = forms.ChoiceField(label=_("State"), required=False)
    holder = forms.ChoiceField(
        label=_("Who looks at it"),
        required=False,
        choices=[
            ("", _("anybody")),
            ("me", pgettext_lazy("who looks at it", "you")),
            ("nobody", pgettext_lazy("who looks at it", "nobody")),
        ],
    )
    sort = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[("", _("longest waiting first")), ("new", _("newest first")), ("name", _("by name"))],
    )

    def __init__(self, data: Any, work: Work) -> None:
        super().__init__(data)
        self.work = work
        first, *others = work.states
        offered = [("", first[1]), *others, ("all", _("all"))]
        self.fields["state"].choices = offered  # type: ignore[attr-defined]

    def leaves(self, person: Any, at: datetime) -> QuerySet[Any]:
        asked = self.cleaned_data if self.is_valid() else {}
        state = asked.get("state") or self.work.states[0][0]
        rows = self.work.in_state("" if state == "all" else state, person)
        if text := asked.get("q"):
            rows = self.work.with_text(rows, text)
        held = Lease.objects.filter(subject=_subject(self.work), until__gt=at)
        if asked.get("holder") == "me":
            rows = rows.filter(Exists(held.filter(holder=person)))
        elif asked.get("holder") == "nobody":
            rows = rows.exclude(Exists(held))
        order = {"new": ("-pk",), "name": (self.work.by_name, "pk")}.get(asked.get("sort", ""), self.work.first)
        return rows.order_by(*order)


def _subject(work: Work) -> Concat:
    """As a lease has it, of the row outside of a subquery."""
    return Concat(Value(f"{work.one}/"), Cast(OuterRef("pk"), CharField()))


def first(request: HttpRequest) -> HttpResponse:
    """The first kind of which something waits."""
    seen = _seen(request)
    counts = _counts(seen, request)
    return _page(request, next((one for one in seen if counts[one.name]), seen[0]), counts)


def kind(work: Work) -> Callable[[HttpRequest], HttpResponse]:
    """The page of one kind."""

    def page(request: HttpRequest) -> HttpResponse:
        claims = request.method == "POST"
        if not (work.may_decide if claims else work.may_see)(request.user):
            raise PermissionDenied
        if claims:
            return _claimed(request, work)
        return _page(request, work, _counts(_seen(request), request))

    return page


def _seen(request: HttpRequest) -> list[Work]:
    return [one for one in KINDS.values() if one.may_see(request.user)]


def _counts(seen: list[Work], request: HttpRequest) -> dict[str, int]:
    return {one.name: one.in_state(one.states[0][0], request.user).count() for one in seen}


def _page(request: HttpRequest, work: Work, counts: dict[str, int]) -> HttpResponse:
    at, me = timezone.now(), holding.person(request)
    form = Filters(request.GET, work)
    page = Paginator(form.leaves(me, at), ON_A_PAGE).get_page(request.GET.get("page"))
    told = work.told(page.object_list)
    held = leases.of(log.subject_of(one.row) for one in told)
    context = {
        "work": work,
        "tabs": [(one, reverse(f"desk:{one.name}"), counts[one.name]) for one in _seen(request)],
        "form": form,
        "page": page,
        "lines": [
            (
                *(one, reverse(f"desk:{work.one}", args=[one.row.pk]), Hold(held.get(log.subject_of(one.row)), me, at)),
                work.may_decide(me) and work.waits(one.row),
            )
            for one in told
        ],
    }
    return render(request, "desk/queue.html", context, status=200 if form.is_valid() else 400)


def _claimed(request: HttpRequest, work: Work) -> HttpResponse:
    """A row of the list is claimed, and the list shown again as it was."""
    row = work.table._default_manager.filter(pk=holding.number(request.POST.get("row", ""))).first()
    try:
        if row:
            holding.claim(work, row, by=holding.person(request), at=timezone.now())
    except (leases.Held, NotWaiting) as refused:
        messages.warning(request, str(refused))
    return redirect(request.get_full_path())
