"""Hiding in an emergency: the form, and the page on which another person confirms it or lifts it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry import hiding as core
from registry.admin.decisions import DecisionForm
from registry.admin.signing_in import agreed, ask_again
from registry.desk import holding
from registry.desk.work import KINDS, hidden_until
from registry.editing import NotPossible
from registry.log import NoReason
from registry.models import Document, Hiding

_SHORT = forms.TextInput(attrs={"autocomplete": "off"})


class HideForm(DecisionForm):
    words = forms.CharField(
        label=_("Words"),
        required=False,
        max_length=core.LONGEST,
        error_messages={"max_length": _("Write %(limit_value)d characters at most: only the words themselves.")},
        help_text=_(
            "Exactly as they stand: a name, a number, an address. Capitals and what stands between words do not "
            "matter, endings do: hide each form by itself."
        ),
        widget=_SHORT,
    )
    document = forms.ModelChoiceField(
        Document.objects.standing(),
        label=_("Document"),
        required=False,
        to_field_name="key",
        error_messages={"invalid_choice": _("The register has no document of this key.")},
        help_text=_("Or the key of a document whose copy nobody may read for now."),
        widget=_SHORT,
    )
    kind = forms.ChoiceField(
        label=_("Why it is hidden"),
        choices=Hiding.Kind.choices,
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Say why it is hidden.")),
        widget=forms.RadioSelect,
    )
    field_order = ["words", "document", "kind", "reason"]


def new(request: HttpRequest) -> HttpResponse:
    by = _editor(request)
    asked = {"document": request.GET.get("document", "")}
    form = HideForm(request.POST if request.method == "POST" else None, initial=asked)
    if form.is_valid():
        try:
            made = core.hide(**form.cleaned_data, by=by)
        except ValidationError as refused:
            for name, told in refused.message_dict.items():
                form.add_error(name, told)
        except (NotPossible, NoReason) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, gettext("It is hidden. Ask another person to confirm it."))
            return redirect("desk:hiding", made.pk)
    return render(request, "desk/hide.html", {"form": form}, status=400 if form.errors else 200)


def hiding(request: HttpRequest, pk: int) -> HttpResponse:
    by, wrong = _editor(request), ""
    row = _row(pk)
    code_form = ask_again(request)  # not before something is hidden: that endangers nobody, and is in a hurry
    if request.method == "POST":
        try:
            if agreed(code_form):
                messages.success(request, _decided(request, row, by))
                return redirect("desk:hiding", row.pk)
        except ValidationError as refused:
            wrong = " ".join(refused.messages)
        except (NotPossible, NoReason) as refused:
            wrong = str(refused)
        row = _row(pk)
    at = timezone.now()
    context: dict[str, Any] = {
        "row": row,
        "state": hidden_until(row, at),
        "in_force": Hiding.objects.in_force(at).filter(pk=pk).exists(),
        "mine": row.by == by,
        "asked": row.lifting_by == by,
        "wrong": wrong,
        "code_form": code_form,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "desk/hiding.html", context, status=409 if wrong else 200)


def _editor(request: HttpRequest) -> User:
    if not KINDS["hidings"].may_see(request.user):
        raise PermissionDenied
    return holding.person(request)


def _row(pk: int) -> Hiding:
    rows = Hiding.objects.select_related("document", "by", "confirmed_by", "lifting_by", "ended_by")
    return get_object_or_404(rows, pk=pk)


def _decided(request: HttpRequest, row: Hiding, by: User) -> str:
    """Does it, and answers with what was done."""
    match request.POST.get("do"):
        case "confirm":
            core.confirm(row, by=by)
            return gettext("It stays hidden.")
        case "lift":
            if core.lift(row, by=by, reason=request.POST.get("reason", "")):
                return gettext("It is shown again.")
            return gettext("It is shown again when another person agrees.")
    raise NotPossible(gettext("Say what shall be done."))
