"""What every decision at the desk asks for, on which rows it is made, and which resource a text means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from checks.engine.names import BadName, parse
from registry import log, search
from registry.admin.signing_in import agreed, ask_again
from registry.models import Resource

WIDE = {"class": "vLargeTextField"}
AT_ONCE = 100  # rows in one decision
CANDIDATES = 6  # resources offered where a text fits several


def check_typed(typed: str, name: str) -> None:
    """What takes something away asks for its name, so that no click alone does it. Raises ValidationError."""
    if typed.strip() != name:
        told = gettext("Type exactly %(name)s, to show that it is the one you mean.")
        raise ValidationError(told % {"name": name})


class DecisionForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("The log shows the reason to everybody where the record changes. Name no person."),
        max_length=2000,
        error_messages={"required": _("Write the reason for this decision.")},
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
    )

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if log.says_nothing(reason):
            raise forms.ValidationError(self.fields["reason"].error_messages["required"])
        return reason


class MergeForm(DecisionForm):
    into = forms.CharField(
        label=_("Join with"),
        help_text=_("The number, the address or the name of a resource of the register."),
        max_length=2048,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    field_order = ["into", "reason"]

    def clean_into(self) -> Resource:
        text = self.cleaned_data["into"]
        found = resources_meant(text)
        if not found:
            raise forms.ValidationError(_("The register has no resource of this number or name."))
        if len(found) > 1:
            offered = "; ".join(f"{one.pk}: {one.display_name}" for one in found)
            raise forms.ValidationError(
                _("Several resources fit. Write the number of one: %(offered)s."), params={"offered": offered}
            )
        return found[0]


def resources_meant(text: str) -> list[Resource]:
    """The one resource of a number or an exact name; else those whose name has these letters."""
    exact = Q(slug=text) | Q(name=text)
    if text.isascii() and text.isdigit() and len(text) < 19:
        exact |= Q(pk=int(text))
    try:
        name = parse(text)
        exact |= Q(name__in=[name.url, name.host])
    except BadName:
        pass  # apps and services have free names
    found = Resource.objects.filter(exact).order_by("pk")[:CANDIDATES]
    return list(found) or search.find(text, limit=CANDIDATES)


class DecidesOnMany(ReadOnly):
    """Actions that lead to a page which asks for the reason, and then decide on each row by itself."""

    forms: Mapping[str, type[DecisionForm]]  # by act
    titles: Mapping[str, Any]
    decision = "decide"  # the word in addresses

    def has_decide_permission(self, request: HttpRequest) -> bool:
        raise NotImplementedError

    def decide_on(self, request: HttpRequest, act: str, rows: QuerySet[Any], fields: dict[str, Any]) -> None:
        """One decided meanwhile stops no other."""
        raise NotImplementedError

    def to_decision(self, act: str, rows: QuerySet[Any]) -> HttpResponse:
        """What an action answers."""
        query = urlencode({"id": list(rows.values_list("pk", flat=True)[:AT_ONCE])}, doseq=True)
        return HttpResponseRedirect(f"{reverse(f'admin:{self._name}', args=[act])}?{query}")

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{self.decision}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide)
        return [path(f"{self.decision}/<str:act>/", view, name=self._name), *super().get_urls()]

    def decide(self, request: HttpRequest, act: str) -> HttpResponse:
        if not self.has_decide_permission(request):
            raise PermissionDenied
        if act not in self.forms:
            raise Http404
        rows = self.model._default_manager.filter(pk__in=ids(request))
        if not isinstance(self.list_select_related, bool):
            rows = rows.select_related(*self.list_select_related)
        form = self.forms[act](request.POST if request.method == "POST" else None)
        code_form = ask_again(request)
        if agreed(code_form) and form.is_valid():
            self.decide_on(request, act, rows, form.cleaned_data)
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.titles[act],
            "rows": [(str(one), one.get_state_display()) for one in rows],
            "chosen": rows,
            "form": form,
            "code_form": code_form,
        }
        return TemplateResponse(request, "admin/registry/decide.html", context)


def ids(request: HttpRequest) -> list[str]:
    """Of the rows that were chosen."""
    given = [text for text in request.GET.getlist("id") if text.isascii() and text.isdigit() and len(text) < 19]
    return given[:AT_ONCE]
