"""Probe locations at the desk: how each is, to the minute; how far the sweeps are; and what failed again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks import health, intake, progress, vantages
from checks.health import Condition, Health
from checks.models import Parked, Trouble, Vantage
from checks.runs import Refused
from registry import editing, log, proposals
from registry.admin.decisions import DecisionForm, check_typed
from registry.admin.signing_in import agreed, ask_again
from registry.desk import holding
from registry.desk.work import KINDS
from registry.models import Proposal
from registry.proposals import OF_MANY, Operation, State

ON_A_PAGE = 50
NEVER = datetime.min.replace(tzinfo=timezone.get_fixed_timezone(0))


@dataclass(frozen=True)
class Line:
    health: Health
    troubles: list[Trouble]

    @property
    def vantage(self) -> Vantage:
        return self.health.vantage

    @property
    def condition(self) -> Condition:
        return health.condition_of({one.kind for one in self.troubles})

    @property
    def percents(self) -> dict[str, float | None]:
        def percent(share: float | None) -> float | None:
            return None if share is None else 100 * share

        return {
            "failed": percent(self.health.failed_share),
            "inconclusive": percent(self.health.inconclusive_share),
            "agreeing": percent(self.health.agreeing_share),
        }

    @property
    def lag(self) -> str:
        return minutes(self.health.lag)


def minutes(span: timedelta | None) -> str:
    if span is None:
        return "–"
    whole = int(span.total_seconds()) // 60
    return f"{whole // 60}:{whole % 60:02}"


# Worst first.
_ORDERS: Mapping[str, Callable[[Line], Any]] = {
    "": lambda line: (not line.troubles, line.vantage.name),
    "name": lambda line: line.vantage.name,
    "seen": lambda line: line.health.seen_at or NEVER,
    "backlog": lambda line: -line.health.backlog,
    "lag": lambda line: -(line.health.lag or timedelta(-1)),
    "failed": lambda line: -(line.health.failed_share or 0),
    "inconclusive": lambda line: -(line.health.inconclusive_share or 0),
    "agreeing": lambda line: 2 if line.health.agreeing_share is None else line.health.agreeing_share,
}


class Filters(forms.Form):
    sort = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[
            ("", _("what needs attention first")),
            ("name", _("by name")),
            ("seen", _("longest unseen first")),
            ("backlog", _("largest backlog first")),
            ("lag", _("largest lag first")),
            ("failed", _("most failed runs first")),
            ("inconclusive", _("most inconclusive first")),
            ("agreeing", _("least agreement first")),
        ],
    )
    attention = forms.BooleanField(label=_("Only what needs attention"), required=False)


def _lines(rows: Any, at: datetime) -> list[Line]:
    """An alarm that runs, and what is found at this very moment."""
    running = Trouble.objects.running()
    by_vantage: dict[int, list[Trouble]] = {}
    for trouble in running:
        by_vantage.setdefault(trouble.vantage_id, []).append(trouble)
    return [Line(one, by_vantage.get(one.vantage.pk, [])) for one in health.of(rows, at=at)]


def all_of_them(request: HttpRequest) -> HttpResponse:
    _check_may_see(request)
    at, form = timezone.now(), Filters(request.GET)
    rows = Vantage.objects.filter(state=Vantage.State.ADMITTED).select_related("network").order_by("name")
    lines = _lines(rows, at)
    asked = form.cleaned_data if form.is_valid() else {}
    if asked.get("attention"):
        lines = [line for line in lines if line.troubles]
    lines.sort(key=_ORDERS[asked.get("sort", "")])
    page = Paginator(lines, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "at": at, "parked": _parked_count(request)}
    return render(request, "desk/vantages.html", context, status=200 if form.is_valid() else 400)


def _parked_count(request: HttpRequest) -> int | None:
    return Parked.objects.aside().count() if request.user.has_perm("checks.change_parked") else None


class RevokeForm(DecisionForm):
    typed = forms.CharField(max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    field_order = ["typed", "reason"]

    def __init__(self, data: Any, vantage: Vantage) -> None:
        super().__init__(data)
        self.name = vantage.name
        self.fields["typed"].label = gettext("Type %(name)s") % {"name": vantage.name}

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        check_typed(typed, self.name)
        return typed


def one(request: HttpRequest, pk: int) -> HttpResponse:
    """All that is known of one, and the form by which it is proposed to revoke it."""
    _check_may_see(request)
    row = get_object_or_404(Vantage.objects.select_related("network"), pk=pk, source=Vantage.Source.OWN)
    may = request.user.has_perm(OF_MANY[Operation.REVOKE]) and row.state == Vantage.State.ADMITTED
    code_form = ask_again(request)
    form = RevokeForm(request.POST if request.method == "POST" else None, row)
    if request.method == "POST" and not may:
        raise PermissionDenied
    if agreed(code_form) and form.is_valid():
        try:
            made = _proposed(request, row, form.cleaned_data["reason"])
        except (editing.NotPossible, log.NoReason) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, gettext("It is proposed. It is done when another person agrees."))
            return redirect("desk:proposal", made.pk)
    at = timezone.now()
    context = {
        "line": _lines([row], at)[0],
        "row": row,
        "at": at,
        "may_be_asked": Vantage.objects.agreed().filter(pk=row.pk).exists(),
        "troubles": [(one, health.sentence(one)) for one in row.troubles.all()[:20]],
        "resting": vantages.resting_on(row) if may else None,
        "form": form if may else None,
        "code_form": code_form,
        "proposed": _waiting(row),
    }
    return render(request, "desk/vantage.html", context, status=400 if form.errors else 200)


def _proposed(request: HttpRequest, row: Vantage, reason: str) -> Proposal:
    by = holding.person(request)
    return proposals.propose(Operation.REVOKE, None, {"vantage": row.name}, by=by, reason=reason)


def _waiting(row: Vantage) -> Proposal | None:
    waiting = Proposal.objects.filter(state=State.WAITING, operation=Operation.REVOKE)
    return next((one for one in waiting if one.told["fields"]["vantage"] == row.name), None)


def trouble(request: HttpRequest, pk: int) -> HttpResponse:
    """One alarm about a vantage. It ends by itself; whoever holds it takes care of it."""
    row, held = holding.alarm(request, KINDS["troubles"], pk)
    context = {**held, "told": health.sentence(row)}
    return render(request, "desk/trouble.html", context, status=409 if held["wrong"] else 200)


def sweeps(request: HttpRequest) -> HttpResponse:
    _check_may_see(request)
    at = timezone.now()
    return render(request, "desk/sweeps.html", {"found": progress.of(at=at), "at": at})


def parked(request: HttpRequest) -> HttpResponse:
    """What failed; of what waits for a person an administrator says that it is to be tried again."""
    if not request.user.has_perm("checks.change_parked"):
        raise PermissionDenied
    if request.method == "POST":
        row = get_object_or_404(Parked.objects.aside(), pk=holding.number(request.POST.get("row", "")))
        try:
            refused = intake.try_again(row)
        except Refused as error:
            refused = str(error)
        if refused:
            messages.warning(request, gettext("It failed again: %(why)s") % {"why": refused})
        else:
            messages.success(request, gettext("It is work again."))
        return redirect("desk:parked")
    rows = Parked.objects.defer("body").order_by("-failures", "-failed_at", "pk")
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "desk/parked.html", {"page": page, "limit": Parked.FAILURES})


def _check_may_see(request: HttpRequest) -> None:
    if not KINDS["troubles"].may_see(request.user):
        raise PermissionDenied
