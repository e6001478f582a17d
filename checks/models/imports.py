"""What was taken from files of somebody else's measurements."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Import(models.Model):
    """What was taken from one file of somebody else's measurements, and what was not and why."""

    file = models.CharField(_("file"), max_length=300)  # its name alone: folders are the operator's
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="")  # empty: the file could not be read
    began_at = models.DateTimeField(_("begun"))
    ended_at = models.DateTimeField(_("finished"), null=True, blank=True)  # empty: interrupted, or still under way
    whole = models.BooleanField(_("read to the end"), default=True)  # all of it could be read
    taken = models.PositiveIntegerField(_("taken"), default=0)
    known = models.PositiveIntegerField(_("known already"), default=0)
    refused = models.JSONField(_("refused, by reason"), default=dict)  # reason → how many
    examples = models.JSONField(_("the first refused"), default=list)  # the first refused: place and reason

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file
