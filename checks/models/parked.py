"""Work that fails again and again."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ParkedQuerySet(models.QuerySet["Parked"]):
    def aside(self) -> ParkedQuerySet:
        """What failed so often that it is tried no more until somebody says so."""
        return self.filter(failures__gte=Parked.FAILURES)


class Parked(models.Model):
    """A piece of work that failed, how often, and why; after five times it waits for a person, and the rest goes on."""

    FAILURES = 5

    class Kind(models.TextChoices):
        BATCH = "batch", _("record a batch")
        JUDGE = "judge", _("judge a run")
        COUNT = "count", _("count a cell")
        MONTH = "month", _("move a month to the archive")

    kind = models.CharField(_("kind"), max_length=5, choices=Kind)
    key = models.CharField(_("which"), max_length=200)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    failed_at = models.DateTimeField(_("last failed"))
    traceback = models.TextField(_("traceback"))
    body = models.JSONField(_("what it was"), null=True, blank=True)  # of a batch: what was sent, nothing of it is lost

    objects = ParkedQuerySet.as_manager()

    class Meta:
        verbose_name = _("parked work")
        verbose_name_plural = _("parked work")
        ordering = ["-failed_at", "id"]
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="parked_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.key}"
