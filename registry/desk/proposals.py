"""The page of a proposal, on which a second person agrees to it or refuses it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, cast

from django.apps import apps
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.models import Vantage
from checks.vantages import Resting, resting_on
from registry import editing, labels, leases, log
from registry import proposals as core
from registry.admin.corrections import Told, name_of
from registry.admin.decisions import check_typed
from registry.admin.signing_in import agreed, ask_again
from registry.desk import holding, packs, papers, previews
from registry.desk.work import KINDS, name_of_new
from registry.log import NoReason
from registry.models import Act, Proposal, PublicCopy
from registry.models.proposal import ANY
from registry.moderation import NotWaiting
from registry.papers import marks
from registry.proposals import Operation, State

PUBLISHES = frozenset({"approve"})  # for this a code is asked for anew
_FORMS = {Operation.PUBLISH: papers.PublishForm, Operation.REDACT: papers.MarksForm}
PAGES = 5  # of a paper, shown at once
PLACES = 30  # on one page of it, told one by one
_OF_A_VANTAGE = {"key": "public_key"}  # fields that an admission calls otherwise
DESTRUCTIVE = frozenset({Operation.WITHDRAW, Operation.MERGE, Operation.REDACT, Operation.REVOKE})


def proposal(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Proposal.objects.select_related("author"), pk=pk)
    may = request.user.has_perm(core.permission_for(row))
    wrong: list[str] = []
    subject = log.subject_of(row)
    code_form = ask_again(request)
    if request.method == "POST":
        if not may:
            raise PermissionDenied
        try:
            held = holding.act(request, KINDS["proposals"], row)
            if not held and (request.POST.get("do") not in PUBLISHES or agreed(code_form)):
                return _decided(request, row, subject)
        except ValidationError as refused:
            wrong += refused.messages
        except (editing.NotPossible, NoReason, leases.Held, NotWaiting) as refused:
            wrong.append(str(refused))
        row.refresh_from_db()
    waiting = row.state == State.WAITING
    preview, pack, hindrance = _preview(row, may) if waiting else ([], [], "")
    record = record_of(row)
    acts, others = _alike(row) if waiting else ([], [])
    context = {
        "row": row,
        "content": row.told,
        "record": record,
        "called": (record.original.document if isinstance(record, PublicCopy) else record) or name_of_new(row),
        "acts": acts,
        "others": others,
        "record_url": _address(record),
        "page_url": previews.page_of(record, request) if row.state == State.DONE else "",
        "approvals": row.approvals.select_related("approver"),
        "waiting": waiting,
        "mine": row.author == request.user,
        "left": core.has_left(row),
        "may": may,
        "preview": preview,
        "pack": pack,
        "asked": _asked(row),
        "paper": _paper(request, row, record) if waiting and may and not hindrance else None,
        "resting": _resting(row) if waiting else None,
        "hindrance": hindrance,
        "name": name_to_type(row),
        "wrong": wrong,
        "code_form": code_form,
        "reason": request.POST.get("reason", ""),
        "typed": request.POST.get("typed", ""),
        "hold": holding.of(request, subject),
        "shows": previews.is_shown(row) and may,
    }
    return render(request, "desk/proposal.html", context, status=409 if wrong else 200)


def _decided(request: HttpRequest, row: Proposal, subject: str) -> HttpResponse:
    by, at = holding.person(request), timezone.now()
    match request.POST.get("do"):
        case "approve":
            if name := name_to_type(row):
                check_typed(request.POST.get("typed", ""), name)
            with leases.deciding(subject, by=by, at=at):
                core.approve(row, sha256=request.POST.get("sha256", ""), by=by)
            row.refresh_from_db()
            agreed = row.state == State.DONE
            messages.success(request, gettext("It is done.") if agreed else gettext("One more person has to agree."))
        case "refuse":
            with leases.deciding(subject, by=by, at=at):
                core.refuse(row, by=by, reason=request.POST.get("reason", ""))
            messages.success(request, gettext("It is refused."))
        case "take_back":
            core.take_back(row, by=by)
            messages.success(request, gettext("It is taken back."))
        case "take_over":
            return redirect("desk:proposal", core.take_over(row, by=by).pk)
    return redirect("desk:proposal", row.pk)


@dataclass(frozen=True)
class Shown:
    """One page of a copy, and what is blackened on it."""

    number: int
    places: list[str]
    more: int  # places that only the picture shows


def _paper(request: HttpRequest, row: Proposal, record: models.Model | None) -> dict[str, Any] | None:
    """The pages of a paper as they would be published, those that are blackened first."""
    if row.operation not in core.OF_A_PAPER or not isinstance(record, PublicCopy):
        return None
    fields = row.told["fields"]
    places: dict[int, list[str]] = defaultdict(list)
    for mark in marks.of(fields.get("marks", [])):
        places[mark.page].append(marks.typed(mark))
    numbers = sorted(range(1, record.pages + 1), key=lambda number: (number not in places, number))
    page = Paginator(numbers, PAGES).get_page(request.GET.get("page"))
    shown = [Shown(one, places[one][:PLACES], max(len(places[one]) - PLACES, 0)) for one in page]
    told = "" if "copy" in fields else record.sha256  # of what is blackened it is among what is proposed
    return {"page": page, "shown": shown, "sha256": told, "pages": record.pages}


def _alike(row: Proposal) -> tuple[list[Act], list[Proposal]]:
    """Of a new act what the register has by now, and what else waits, of the same number and day."""
    if row.operation != Operation.CREATE:
        return [], []
    acts, others = core.alike(apps.get_model("registry", row.record_type), row.told["fields"])
    return acts, [one for one in others if one != row]


def _preview(row: Proposal, may: bool) -> tuple[list[Told], list[packs.Table], str]:
    """What the log would tell if it were approved now, of a pack what would change; or what keeps it from that."""
    try:
        if row.operation == Operation.PACK:
            return [], packs.overview(core.changes_of(row)) if may else [], ""
        if core.is_outdated(row):
            raise editing.Changed(gettext("The entry was changed since. Look at it, and propose what is still right."))
        model = apps.get_model("registry", row.record_type) if row.record_type != ANY else None
        return [Told(model or _model_of(one), one) for one in core.told_of(row)], [], ""
    except ValidationError as refused:
        return [], [], " ".join(refused.messages)
    except (editing.NotPossible, NoReason) as refused:
        return [], [], str(refused)


def _asked(row: Proposal) -> list[tuple[Any, str]]:
    """What is proposed word for word, where no entry of the log would tell it so; by the names that the form has."""
    if row.record_type != ANY or row.operation == Operation.MERGE:
        return []
    if row.operation == Operation.ADMIT:
        return _admission({_OF_A_VANTAGE.get(name, name): value for name, value in row.told["fields"].items()})
    form: Any = _FORMS.get(Operation(row.operation))
    names = {name: field.label for name, field in form.base_fields.items()} if form else {}
    names["copy"] = gettext("SHA-256 of the blackened copy")
    if row.operation == Operation.PACK:
        names |= {"country": _("Country"), "folder": _("Folder on the server"), "sha256": _("SHA-256 of all its files")}
    names["vantage"] = capfirst(gettext("vantage"))
    return [(names.get(name, name), _in_words(name, value)) for name, value in row.told["fields"].items()]


def _resting(row: Proposal) -> Resting | None:
    """What would no longer count if it were approved, of a vantage that is to be revoked."""
    if row.operation != Operation.REVOKE:
        return None
    vantage = Vantage.objects.select_related("network").filter(name=row.told["fields"]["vantage"]).first()
    return resting_on(vantage) if vantage else None


def _admission(fields: dict[str, Any]) -> list[tuple[Any, str]]:
    records = labels.Records(labels.references("vantage", fields))
    return [
        (capfirst(labels.field("vantage", name)), labels.value("vantage", name, value, records))
        for name, value in fields.items()
    ]


def _in_words(name: str, value: Any) -> str:
    if name == "marks":
        return "; ".join([*map(marks.typed, marks.of(value[:PLACES])), *(["…"] if len(value) > PLACES else [])])
    return labels.value("document", name, value, labels.Records([]))


def _model_of(payload: dict[str, Any]) -> Any:
    name = payload["subject"].partition("/")[0]
    return Vantage if name == "vantage" else apps.get_model("registry", name)


def record_of(row: Proposal) -> models.Model | None:
    """What it is about, or what it made."""
    name, _slash, pk = row.told["record"].partition("/")
    number = pk or row.made_id
    if name == ANY or not number:
        return None
    return cast(models.Model | None, apps.get_model("registry", name)._base_manager.filter(pk=number).first())


def name_to_type(row: Proposal) -> str:
    """Of what takes something away. Empty: nothing has to be typed."""
    if row.operation == Operation.REVOKE:
        return str(row.told["fields"]["vantage"])
    record = record_of(row) if row.operation in DESTRUCTIVE else None
    if isinstance(record, PublicCopy):
        record = record.original.document
    return name_of(record) if record else ""


def _address(record: models.Model | None) -> str:
    """Of its page at the desk."""
    if record is None:
        return ""
    if isinstance(record, PublicCopy):
        return reverse("desk:paper", args=[record.original_id])
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])
