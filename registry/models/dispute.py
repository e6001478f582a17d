"""An editor's doubt about an episode. People write it here; what machines wrote stays as it is."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from checks.models import Episode


class Dispute(models.Model):
    """Shown beside the episode, and gone with it if later data shows that there was none."""

    episode = models.OneToOneField(Episode, verbose_name=_("episode"), on_delete=models.CASCADE, related_name="dispute")
    reason = models.TextField(_("reason"))
    marked_on = models.DateField(_("marked on"))

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-marked_on", "-id"]

    def __str__(self) -> str:
        return f"{self.episode}: {self.reason}"
