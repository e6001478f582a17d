"""What every decision at the desk asks for, and on which rows it is made."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

WIDE = {"class": "vLargeTextField"}
AT_ONCE = 100  # rows in one decision


class DecisionForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("The log shows the reason to everybody where the record changes. Name no person."),
        max_length=2000,
        error_messages={"required": _("Write the reason for this decision.")},
        widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
    )


def ids(request: HttpRequest) -> list[str]:
    return [text for text in request.GET.getlist("id") if text.isascii() and text.isdigit() and len(text) < 19]
