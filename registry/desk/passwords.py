"""The page on which an editor changes her password. A stolen session does not get there, even with the password."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.admin.signing_in import agreed, ask_again

_STRONG = _("At least 12 characters, and none of the passwords that many use.")


class PasswordForm(PasswordChangeForm):
    """In our own words: Django's lack their Kazakh."""

    error_messages = {
        "password_incorrect": _("This is not your password."),
        "password_mismatch": _("The two are not the same."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told: dict[str, tuple[Any, Any]] = {
            "old_password": (_("Your password now"), ""),
            "new_password1": (_("The new password"), _STRONG),
            "new_password2": (_("The new password once more"), ""),
        }
        for name, (label, help_text) in told.items():
            field = self.fields[name]
            field.label, field.help_text = label, help_text
            field.error_messages["required"] = _("Fill this in.")

    def validate_password_for_user(self, user: Any, password_field_name: str = "new_password2") -> None:  # noqa: S107
        if password := self.cleaned_data.get(password_field_name):
            try:
                validate_password(password, user)
            except ValidationError:
                self.add_error("new_password1", _STRONG)


class ChangePassword(PasswordChangeView):
    form_class = PasswordForm
    template_name = "desk/password.html"
    success_url = reverse_lazy("desk:queue")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"code_form": ask_again(self.request), **kwargs})

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        code_form, form = ask_again(request), self.get_form()
        if agreed(code_form) and form.is_valid():
            messages.success(request, gettext("Your password is changed. Your other sessions have ended."))
            return self.form_valid(form)
        context = self.get_context_data(form=form, code_form=code_form)
        return self.render_to_response(context, status=400)
