"""What one person hides in an emergency: words that may stand nowhere public, or a paper whose copy is not served.

Nothing has to run for it to end: what nobody else confirmed in time is not in force. The database lets nobody confirm
her own, change what is hidden, or bring back what ended (migration 0020).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

TERM = timedelta(hours=72)


class HidingQuerySet(models.QuerySet["Hiding"]):
    def in_force(self, at: datetime | Now) -> HidingQuerySet:
        return self.filter(Q(confirmed_by__isnull=False) | Q(begun_at__gt=at - TERM), ended_at=None)

    def run_out(self, at: datetime) -> HidingQuerySet:
        """What is over, and of which nobody has said so yet."""
        return self.filter(confirmed_by=None, begun_at__lte=at - TERM, ended_at=None)


class Hiding(models.Model):
    class Kind(models.TextChoices):
        PERSONAL_DATA = "personal_data", _("personal data")
        DANGER = "danger", _("danger to somebody")

    kind = models.CharField(_("why it is hidden"), max_length=20, choices=Kind)
    # Either of the two. Words may be emptied when it is over: they stand in the private part of the log as well.
    words = models.TextField(_("words"), blank=True, default="")
    document = models.ForeignKey(
        "registry.Document",
        verbose_name=_("document"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="hidings",
    )
    reason = models.TextField(_("reason"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("hidden by"), on_delete=models.PROTECT, related_name="hidings"
    )
    begun_at = models.DateTimeField(_("hidden since"))
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("confirmed by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # Of a confirmed one: who wants it lifted, and why. It is lifted when another person agrees.
    lifting_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("to be lifted, says"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    lifting_reason = models.TextField(_("why it is lifted"), blank=True, default="")
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    # NULL: nobody lifted it. It ended by itself, or has not ended.
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("lifted by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    objects = HidingQuerySet.as_manager()

    class Meta:
        verbose_name = _("hiding in an emergency")
        verbose_name_plural = _("hidings in an emergency")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="hiding_of_words_or_of_a_document",
                condition=~Q(words="") & Q(document=None)
                | Q(words="") & (Q(document__isnull=False) | Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(name="hiding_confirmed_by_another_person", condition=~Q(by=F("confirmed_by"))),
            models.CheckConstraint(name="hiding_lifted_by_two", condition=~Q(lifting_by=F("ended_by"))),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())  # never the words: the history calls it by this

    @property
    def until(self) -> datetime | None:
        """When it ends by itself."""
        return None if self.confirmed_by_id else self.begun_at + TERM
