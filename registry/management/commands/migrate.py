"""Django's `migrate`; then the roles of editors have the permissions that this version gives them."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from registry import accounts


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if not (options["app_label"] or options["plan"] or options["check_unapplied"]):
            accounts.make_roles()
