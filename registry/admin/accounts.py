"""Accounts at the desk: an administrator sees who may do what. They are made and changed on the server alone."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.admin import StaticDeviceAdmin
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

from checks.admin import ReadOnly
from registry.accounts import Role

# Their packages bring forms for passwords, secrets and codes, which would enrol whoever stole a session.
BROUGHT = {User: UserAdmin, Group: GroupAdmin, TOTPDevice: TOTPDeviceAdmin, StaticDevice: StaticDeviceAdmin}
admin.site.unregister(BROUGHT)


@admin.register(User)
class AccountAdmin(ReadOnly):
    list_display = ["username", "roles", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "groups"]
    search_fields = ["username"]
    ordering = ["username"]
    fields = ["username", "roles", "is_active", "is_superuser", "last_login", "date_joined"]
    readonly_fields = ["roles"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("roles"))
    def roles(self, account: User) -> str:
        labels = dict(Role.choices)
        return ", ".join(str(labels.get(one.name, one.name)) for one in account.groups.all()) or "–"
