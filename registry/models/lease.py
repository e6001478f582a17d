"""Who looks at a piece of work at the desk, until when: so that two editors do not do the same."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Lease(models.Model):
    subject = models.CharField(_("what is held"), max_length=60, unique=True)  # as the log writes it: "report/12"
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=pgettext_lazy("of a lease", "holder"),
        on_delete=models.CASCADE,
        related_name="leases",
    )
    until = models.DateTimeField(pgettext_lazy("of a lease", "until"))
    # From whom it was taken over, when, and why; without a reason, it had run out.
    former = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("held before by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    taken_at = models.DateTimeField(_("taken over at"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True, default="")

    class Meta:
        verbose_name = pgettext_lazy("at the desk", "lease")
        verbose_name_plural = pgettext_lazy("at the desk", "leases")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.subject
