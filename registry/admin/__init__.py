"""The editors' desk: reports wait here for a decision, and what the record says is corrected here.

Every decision is one function of the core, which logs it with its reason.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from registry.admin import (
    accounts,
    candidates,
    claims,
    evidence,
    problems,
    record,
    reports,
    requests,
    resources,
    signing_in,
)

__all__ = [
    "accounts",
    "candidates",
    "claims",
    "evidence",
    "problems",
    "record",
    "reports",
    "requests",
    "resources",
    "signing_in",
]


admin.site.site_header = _("Tizilim: the editors' desk")
admin.site.site_title = _("Tizilim: the editors' desk")
admin.site.index_title = _("Reports, record and evidence")
admin.site.enable_nav_sidebar = False  # the tables need the width; the index lists them all
