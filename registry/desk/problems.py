"""One problem report: what a reader says is wrong, and where the record is put right."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext

from registry import leases, log, moderation, problem_reports
from registry.admin.problems import AnswerForm, doors_of
from registry.desk import holding
from registry.desk.work import KINDS
from registry.models import ProblemReport
from registry.problem_reports import About
from registry.web import about

DECISIONS = {"put_right": problem_reports.put_right, "refuse": problem_reports.refuse}


def problem(request: HttpRequest, pk: int) -> HttpResponse:
    work, do = KINDS["problems"], request.POST.get("do", "")
    if not (work.may_decide if request.method == "POST" else work.may_see)(request.user):
        raise PermissionDenied
    row = get_object_or_404(ProblemReport.objects.select_related("decided_by"), pk=pk)
    subject, wrong = log.subject_of(row), ""
    form = AnswerForm(request.POST if do in DECISIONS else None, initial=request.POST.dict())
    try:
        if do in DECISIONS and form.is_valid():
            by = holding.person(request)
            with leases.deciding(subject, by=by, at=timezone.now()):
                DECISIONS[do](row, by=by, reason=form.cleaned_data["reason"], reply=form.cleaned_data["reply"])
            messages.success(request, gettext("It is decided."))
            return redirect("desk:problems")
        if do and do not in DECISIONS:
            holding.act(request, work, row)
    except moderation.NotWaiting:
        wrong = gettext("It was decided already: someone was faster.")
        row.refresh_from_db()
    except (leases.Held, log.NoReason) as refused:
        wrong = str(refused)
    context = {
        "row": row,
        "named": about.named(About(row.subject, row.page), request),
        "doors": doors_of(row.subject),
        "waiting": row.state == ProblemReport.State.NEW,
        "form": form,
        "wrong": wrong,
        "hold": holding.of(request, subject),
        "may_decide": work.may_decide(request.user),
        "typed": request.POST.get("why", ""),
    }
    return render(request, "desk/problem.html", context, status=409 if wrong else 400 if form.errors else 200)
