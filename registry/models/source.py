"""Where a fact was read, and how sure we are of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.models.document import SHA256


class Confidence(models.TextChoices):
    HIGH = "high", _("high")
    MEDIUM = "medium", _("medium")
    LOW = "low", _("low")


class Source(models.Model):
    """A URL, or a title with its date where there is no URL."""

    url = models.URLField(_("web address"), max_length=2000, blank=True, default="")
    title = models.CharField(_("title"), max_length=500, blank=True, default="")
    date = PartialDateField(_("date"))
    # A copy that stays when the page goes: where it is, when it was taken, and the hash of its bytes.
    archive_url = models.URLField(_("archived copy"), max_length=2000, blank=True, default="")
    archived_on = PartialDateField(_("archived on"))
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="", validators=[SHA256])

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["date", "id"]
        constraints = [
            models.CheckConstraint(
                name="source_is_a_url_or_a_dated_title",
                condition=~models.Q(url="") | (~models.Q(title="") & ~models.Q(date="")),
            ),
            models.CheckConstraint(
                name="source_hash_is_of_a_copy",
                condition=~models.Q(archive_url="") | models.Q(sha256="", archived_on=""),
            ),
            models.UniqueConstraint(fields=["url", "title", "date"], name="source_once"),
        ]

    def __str__(self) -> str:
        return self.title or self.url
