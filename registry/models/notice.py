"""Threats to block, and bans of a service inside a body. They block nothing, and no count of blocks has them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.models.authority import Authority
from registry.models.resource import Resource
from registry.models.source import Confidence, Source


class Notice(models.Model):
    class Type(models.TextChoices):
        THREAT = "threat", _("threat of blocking")
        USAGE_BAN = "usage_ban", _("ban of use inside a body")

    key = models.SlugField(_("key"), max_length=80, unique=True)
    type = models.CharField(_("type"), max_length=9, choices=Type)
    about = models.CharField(_("about"), max_length=200)  # as people call it: "TikTok"
    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    authority = models.ForeignKey(
        Authority, verbose_name=_("authority"), null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    # As the source names who gave it.
    speaker = models.CharField(_("who said it"), max_length=200, blank=True, default="")
    bound = models.TextField(_("who is bound"), blank=True, default="")  # who must obey a ban
    alternative = models.TextField(_("what to use in its place"), blank=True, default="")
    date = PartialDateField(_("date"))
    ended = PartialDateField(_("ended"))  # when a threat was taken back, or a ban lifted
    fact = models.TextField(_("what the source says"))
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence, default=Confidence.LOW)
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="notices")

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-date", "id"]
        constraints = [
            models.CheckConstraint(
                name="notice_ends_after_start",
                condition=models.Q(date="")
                | models.Q(ended="")
                | models.Q(ended__gte=models.F("date"))
                | models.Q(date__startswith=models.F("ended")),
            ),
            models.CheckConstraint(
                name="notice_of_a_ban_says_whom_it_binds",
                condition=~models.Q(type="usage_ban") | ~models.Q(bound=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.about}: {self.get_type_display()}"
