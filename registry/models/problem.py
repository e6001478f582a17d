"""What the public says is wrong on a page. No account, no address, no browser; the day, not the minute."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


def urgency() -> tuple[Any, ...]:
    """An order: those that wait first, of them those that may hurt somebody, then the newest."""
    return (
        models.Case(models.When(state=ProblemReport.State.NEW, then=0), default=1),
        models.Case(models.When(kind__in=ProblemReport.URGENT, then=0), default=1),
        "-received_on",
        "-id",
    )


class ProblemReport(models.Model):
    class Kind(models.TextChoices):
        WRONG = "wrong", _("A fact is wrong")
        OUTDATED = "outdated", _("It is out of date")
        OVERCLAIMS = "overclaims", _("It says more than is known")
        PERSONAL_DATA = "personal_data", _("It shows somebody's personal data")
        DANGER = "danger", _("It endangers somebody")
        TRANSLATION = "translation", _("There is a mistake in the translation")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        NEW = "new", _("waiting for an editor")
        PUT_RIGHT = "put_right", pgettext_lazy("a problem", "put right")
        REFUSED = "refused", pgettext_lazy("a problem", "read, and left as it is")

    URGENT = (Kind.PERSONAL_DATA, Kind.DANGER)

    # HMAC-SHA256; the code is not kept.
    receipt_hash = models.CharField(_("hash of the receipt code"), max_length=64, unique=True, editable=False)
    # What the page is about, as the log names it: "restriction/12". A measurement, which no log names, by its id.
    subject = models.CharField(_("record"), max_length=80, blank=True, default="", db_index=True)
    # Of a page that is about no one record: its path behind the language. Both empty: the sender did not say.
    page = models.CharField(pgettext_lazy("of the site", "page"), max_length=200, blank=True, default="")
    kind = models.CharField(_("what is wrong"), max_length=13, choices=Kind)
    text = models.TextField(_("in the sender's words"), max_length=2000)
    source_url = models.CharField(_("address of a source"), max_length=2000, blank=True, default="")
    received_on = models.DateField(_("day"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.NEW)
    # Whoever holds the receipt reads the reply; nobody outside the desk the reason.
    reply = models.TextField(_("reply to the sender"), blank=True, default="")
    reason = models.TextField(_("reason"), blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_on = models.DateField(_("decided on"), null=True, blank=True)

    class Meta:
        verbose_name = _("problem report")
        verbose_name_plural = _("problem reports")
        ordering = ["received_on", "id"]
        indexes = [models.Index(fields=["state", "kind", "id"], name="problem_queue")]
        constraints = [
            models.CheckConstraint(
                name="problem_is_of_a_record_or_a_page", condition=models.Q(subject="") | models.Q(page="")
            ),
            models.CheckConstraint(
                name="problem_decided_with_a_day",
                condition=models.Q(state="new", decided_on__isnull=True)
                | (~models.Q(state="new") & models.Q(decided_on__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject or self.page or '–'}"

    @property
    def is_urgent(self) -> bool:
        return self.kind in self.URGENT
