"""The page of the deadlines: every period of the law by its version, and a calculator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry import clocks, deadlines
from registry.clocks import Clocks
from registry.deadlines import Counted, Due, Unit
from registry.models import Deadline

FIRST, LAST = date(1991, 1, 1), date(2099, 12, 31)
DAYS = 70  # of one period that are listed


def check_day(day: date) -> None:
    """Whatever is counted from it or to it is a day too."""
    if not FIRST <= day <= LAST:
        raise forms.ValidationError(_("Choose a day between 1991 and 2099."))


@dataclass(frozen=True)
class Answer:
    deadline: Deadline
    length: str
    start: date
    due: Due
    days: tuple[Counted, ...]  # empty of periods that are not counted by days
    off: tuple[Counted, ...]  # of them, the holidays
    law_of_then: bool  # was this version in force on that day, as far as we know?


class Calculator(forms.Form):
    deadline = forms.ChoiceField(label=_("Which period"))
    start = forms.DateField(
        label=_("Day of the event that starts it"),
        widget=forms.DateInput(attrs={"type": "date", "min": FIRST.isoformat(), "max": LAST.isoformat()}),
        input_formats=["%Y-%m-%d"],
        validators=[check_day],
    )
    hour = forms.TimeField(
        label=_("Hour, of a period of hours"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        input_formats=["%H:%M"],
    )

    def __init__(self, data: Any, rows: Sequence[Deadline]) -> None:
        super().__init__(data, auto_id="calculator-%s")
        self.rows = {row.key: row for row in rows}
        groups = [
            (Deadline.Procedure(procedure).label, [(row.key, _title(row)) for row in group])
            for procedure, group in groupby(rows, key=lambda row: row.procedure)
        ]
        self.fields["deadline"].choices = groups  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        row = self.rows.get(cleaned.get("deadline", ""))
        if row and row.unit == Unit.HOUR and cleaned.get("hour") is None and not self.errors:
            self.add_error("hour", _("Give the hour too: this period is counted in hours."))
        return cleaned


def _title(row: Deadline) -> str:
    year = f" ({row.valid_from[:4]})" if row.valid_to or row.valid_from else ""
    return f"{row.name}: {clocks.length_in_words(row)}{year}"


def page(request: HttpRequest) -> HttpResponse:
    law = clocks.read(at=timezone.now())
    rows = sorted(
        law.deadlines, key=lambda row: (list(Deadline.Procedure).index(Deadline.Procedure(row.procedure)), row.pk)
    )
    asked = bool(set(request.GET) & {"deadline", "start", "hour"})
    form = Calculator(request.GET if asked else None, rows)
    answer = _answer(form, law) if asked and form.is_valid() else None
    groups = [
        (Deadline.Procedure(procedure).label, [(row, clocks.length_in_words(row)) for row in group])
        for procedure, group in groupby(rows, key=lambda row: row.procedure)
    ]
    context = {"form": form, "answer": answer, "groups": groups}
    return render(request, "registry/deadlines.html", context, status=400 if asked and answer is None else 200)


def _answer(form: Calculator, law: Clocks) -> Answer:
    row, start = form.rows[form.cleaned_data["deadline"]], form.cleaned_data["start"]
    hour: time | None = form.cleaned_data["hour"]
    moment = datetime.combine(start, hour, tzinfo=law.zone) if hour and row.unit == Unit.HOUR else start
    due = law.due(row, moment)
    period = clocks.period(row)
    counted = tuple(deadlines.days_of(period, start, law.calendar)) if row.unit in (Unit.DAY, Unit.WORKING_DAY) else ()
    version = law.version(row.procedure, row.step, on=start)
    return Answer(
        row,
        clocks.length_in_words(row),
        start,
        due,
        counted[:DAYS],
        tuple(day for day in counted if day.off),
        version is not None and version.pk == row.pk,
    )


urlpatterns = [path("deadlines/", page, name="deadlines")]
