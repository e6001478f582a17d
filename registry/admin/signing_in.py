"""Signing in at the desk."""

from __future__ import annotations

from math import ceil
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest
from django.utils.translation import ngettext
from rest_framework.request import Request
from rest_framework.views import APIView

from registry.api.throttles import Logins, LoginsOf


class LoginForm(AdminAuthenticationForm):
    """Counts attempts, and not only failed ones: what is counted must not tell whether a password was right."""

    def clean(self) -> dict[str, Any]:
        request = Request(cast(HttpRequest, self.request))  # a form of the login page always has one
        waits = [budget.wait() for budget in (Logins(), LoginsOf()) if not budget.allow_request(request, APIView())]
        if waits:
            minutes = ceil(max(wait or 60 for wait in waits) / 60)
            raise forms.ValidationError(
                ngettext(
                    "Too many attempts to sign in came from your network. Try again in a minute.",
                    "Too many attempts to sign in came from your network. Try again in %(minutes)d minutes.",
                    minutes,
                ),
                code="throttled",
                params={"minutes": minutes},
            )
        return super().clean()


admin.site.login_form = LoginForm
