"""Papers: taken in here, looked at, blackened, and proposed for publication."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry import documents, editing, log, proposals
from registry.admin.decisions import WIDE, DecisionForm
from registry.desk import copies, holding
from registry.models import Original, Proposal, PublicCopy
from registry.models.document import Language
from registry.moderation import key_id
from registry.papers import marks
from registry.papers.limits import FILE_LIMIT
from registry.papers.marks import Mark
from registry.papers.personal import Kind
from registry.papers.refusals import Reason, Refused
from registry.proposals import Operation, State

ON_A_PAGE = 40
MARKS = 500  # at once
FOUND = {Kind.IIN: _("IIN"), Kind.PHONE: _("phone number"), Kind.EMAIL: _("e-mail address")}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("Paper"),
        help_text=_("PDF, PNG or JPEG. Its copy is made of pixels alone; the original is sealed."),
    )


class MarksForm(DecisionForm):
    marks = forms.CharField(
        label=_("What is to be blackened"),
        help_text=_("PAGE:LEFT,TOP,RIGHT,BOTTOM, one a line, in fractions of the page: 2:0.1,0.25,0.6,0.3"),
        widget=forms.Textarea(attrs={"rows": 6, **WIDE}),
    )
    field_order = ["marks", "reason"]

    def clean_marks(self) -> list[Mark]:
        lines = [line.strip() for line in self.cleaned_data["marks"].splitlines() if line.strip()]
        if len(lines) > MARKS:
            raise ValidationError(gettext("Blacken at most %(limit)d places at once.") % {"limit": MARKS})
        return [_mark(line) for line in lines]


def _mark(text: str) -> Mark:
    try:
        return marks.read(text)
    except (ValueError, TypeError):
        told = gettext("“%(text)s” is no place on a page, such as 2:0.1,0.25,0.6,0.3.")
        raise ValidationError(told % {"text": text[:60]}) from None


class PublishForm(DecisionForm):
    key = forms.SlugField(
        label=_("Key"), help_text=_("Small letters, digits and “-”; it stays for ever."), max_length=120
    )
    title = forms.CharField(label=_("Title"), max_length=500, widget=forms.TextInput(attrs=WIDE))
    language = forms.ChoiceField(label=_("Language"), choices=lambda: [("", "–"), *Language.choices], required=False)
    acts = forms.CharField(
        label=_("Acts that it is of"),
        help_text=_("Keys, one a line."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, **WIDE}),
    )
    despite_found = forms.BooleanField(label=_("What was found are no numbers of persons"), required=False)
    field_order = ["key", "title", "language", "acts", "despite_found", "reason"]

    def clean_acts(self) -> list[str]:
        return str(self.cleaned_data["acts"]).split()


def papers(request: HttpRequest) -> HttpResponse:
    """All that were taken in, the newest first; and where another is taken in."""
    _check_allowed(request)
    form = _upload_form(request)
    if form.is_valid():
        by = key_id(holding.person(request))
        try:
            made = documents.take_in(form.cleaned_data["file"], by=by, at=timezone.now())
        except documents.NotTaken as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, gettext("It is taken in. Nobody else sees it before it is published."))
            return redirect("desk:paper", made.pk)
    rows = Original.objects.select_related("document").defer("box")
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page, "megabytes": FILE_LIMIT // 2**20}
    return render(request, "desk/papers.html", context, status=400 if form.errors else 200)


def _upload_form(request: HttpRequest) -> UploadForm:
    if request.method != "POST":
        return UploadForm()
    form = UploadForm(request.POST, request.FILES)
    if int(request.META.get("CONTENT_LENGTH") or 0) > FILE_LIMIT:  # then there may be no file: it was not kept
        form.fields["file"].error_messages["required"] = documents.sentence(Refused(Reason.TOO_LARGE))
    return form


def paper(request: HttpRequest, pk: int) -> HttpResponse:
    _check_allowed(request)
    original = get_object_or_404(Original.objects.select_related("document").defer("box"), pk=pk)
    copy = documents.current(original)
    do = request.POST.get("do", "")
    suggested = "\n".join(map(marks.typed, documents.suggested(copy)))
    blacken = MarksForm(request.POST if do == "blacken" else None, initial={"marks": suggested})
    publish = PublishForm(request.POST if do == "publish" else None)
    form: DecisionForm = blacken if do == "blacken" else publish
    if form.is_valid():
        try:
            if request.POST.get("seen") != copy.sha256:
                raise editing.Changed(gettext("Somebody else blackened it meanwhile. Look at the new copy."))
            return _done(request, copy, do, form)
        except (documents.NotTaken, editing.NotPossible, log.NoReason) as refused:
            form.add_error(None, str(refused))
        except ValidationError as refused:
            form.add_error(None, refused)
        copy = documents.current(original)
    waiting = Proposal.objects.filter(state=State.WAITING, operation__in=[Operation.PUBLISH, Operation.REDACT])
    context = {
        "original": original,
        "copy": copy,
        "blacken": blacken,
        "publish": publish,
        "found": [(one["page"], FOUND[Kind(one["kind"])]) for one in copy.found],
        "proposed": [one for one in waiting if one.told["record"] == log.subject_of(copy)],
    }
    return render(request, "desk/paper.html", context, status=400 if form.errors else 200)


def _done(request: HttpRequest, copy: PublicCopy, do: str, form: DecisionForm) -> HttpResponse:
    """Before a paper is published one person may blacken it; all else takes two."""
    by, fields = holding.person(request), dict(form.cleaned_data)
    reason = fields.pop("reason")
    original = copy.original
    if do == "blacken" and not original.document_id:
        documents.blacken(original, fields["marks"], seen=copy.sha256, by=key_id(by), reason=reason, at=timezone.now())
        messages.success(request, gettext("It is blackened. Look at the new copy."))
        return redirect("desk:paper", original.pk)
    operation = Operation.PUBLISH
    if do == "blacken":
        operation, fields = Operation.REDACT, {"marks": [marks.row(one) for one in fields["marks"]]}
    made = proposals.propose(operation, copy, fields, by=by, reason=reason)
    messages.success(request, gettext("It is proposed. It is done when another person agrees."))
    return redirect("desk:proposal", made.pk)


def copy(request: HttpRequest, sha256: str) -> HttpResponse:
    """The bytes of a copy, for editors only; of a version whose bytes are gone there is nothing."""
    _check_allowed(request)
    row: Any = PublicCopy.objects.filter(sha256=sha256, data__isnull=False).first()
    if row is None:
        raise Http404
    return copies.served(row.media_type, bytes(row.data))


def _check_allowed(request: HttpRequest) -> None:
    if not request.user.has_perm("registry.change_document"):
        raise PermissionDenied
