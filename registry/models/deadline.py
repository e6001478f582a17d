"""Clocks: how long the law gives for a step, by version of the law, and which days are not worked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.deadlines import LENGTH_LIMIT, Unit
from registry.models.authority import Named
from registry.models.source import Confidence, Source

UNITS = [
    (Unit.AT_ONCE.value, _("at once")),
    (Unit.HOUR.value, _("hours")),
    (Unit.DAY.value, _("calendar days")),
    (Unit.WORKING_DAY.value, _("working days")),
    (Unit.MONTH.value, _("months")),
    (Unit.YEAR.value, _("years")),
]


class Deadline(Named):
    """One period in one version of the law. A version that was replaced stays, with the day on which it was."""

    class Procedure(models.TextChoices):
        ORDER = "order", _("restriction by order")
        URGENT = "urgent", _("urgent decision of the National Security Committee")
        PUBLISHER = "publisher", _("notice to the person who published")
        RESTORATION = "restoration", _("restoration of access")
        PLATFORM = "platform", _("demand to an online platform")
        SUSPENSION = "suspension", _("suspension of a mass medium by a court")
        REQUEST = "request", _("request to a body of the state")
        MEDIA_REQUEST = "media_request", _("request of a mass medium")
        ACCESS_REQUEST = "access_request", _("request under the Law On Access to Information")
        COMPLAINT = "complaint", _("complaint")
        CHALLENGE = "challenge", _("challenge in court")

    class Step(models.TextChoices):
        PASS_ON = "pass_on", _("passing the order on")
        OBEY = "obey", _("carrying it out")
        NOTIFY = "notify", _("notifying the others")
        REMOVE = "remove", _("removing it")
        CANCEL = "cancel", _("cancelling the restriction")
        SUSPEND = "suspend", _("longest suspension")
        REPLY = "reply", _("reply")
        EXTENSION = "extension", _("extension")
        EXTENSION_NOTICE = "extension_notice", _("notice of the extension")
        FORWARD = "forward", _("forwarding to the right body")
        FILE = "file", _("filing")
        FILE_AFTER_COMPLAINT = "file_after_complaint", _("filing after the decision on a complaint")
        FILE_ON_SILENCE = "file_on_silence", _("filing against silence")
        ABSOLUTE = "absolute", _("absolute limit")

    class Start(models.TextChoices):
        """The event that starts the period."""

        ORDERED = "ordered", _("the order is made")
        PASSED_ON = "passed_on", _("the instruction is received")
        DECIDED = "decided", _("the decision is made")
        NOTIFIED = "notified", _("the notice is received")
        REMOVED = "removed", _("the content is found to be removed")
        RECEIVED = "received", _("the request is received")
        REPLY_DUE = "reply_due", _("the first period ends")
        EXTENDED = "extended", _("the extension is decided")
        LEARNED = "learned", _("one learns of it")
        ADOPTED = "adopted", _("the act is adopted")
        COMPLAINT_DECIDED = "complaint_decided", _("the decision on the complaint is handed over")
        SILENCE = "silence", _("the period for the reply has run out")

    key = models.SlugField(_("key"), max_length=80, unique=True)
    procedure = models.CharField(_("procedure"), max_length=20, choices=Procedure)
    step = models.CharField(_("step"), max_length=24, choices=Step)
    length = models.PositiveSmallIntegerField(_("length"))
    unit = models.CharField(_("unit"), max_length=12, choices=UNITS)
    starts_with = models.CharField(_("what starts it"), max_length=20, choices=Start)
    article_kk = models.CharField(_("article of the law, in Kazakh"), max_length=300)
    article_ru = models.CharField(_("article of the law, in Russian"), max_length=300)
    article_en = models.CharField(_("article of the law, in English"), max_length=300)
    valid_from = PartialDateField(_("valid from"))
    # In force by then; since when is not known.
    valid_from_not_later_than = models.BooleanField(_("in force by then, perhaps earlier"), default=False)
    valid_to = PartialDateField(_("valid to"))
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence, default=Confidence.LOW)
    # Nobody has read it in a text of the law, or in one that quotes it.
    unverified = models.BooleanField(_("not verified in the law"), default=False)
    note_kk = models.TextField(_("note in Kazakh"), blank=True, default="")  # what a reader must know of it
    note_ru = models.TextField(_("note in Russian"), blank=True, default="")
    note_en = models.TextField(_("note in English"), blank=True, default="")
    source = models.ForeignKey(
        Source, verbose_name=_("source"), null=True, blank=True, on_delete=models.PROTECT, related_name="deadlines"
    )

    class Meta:
        verbose_name = _("deadline")
        verbose_name_plural = _("deadlines")
        ordering = ["procedure", "step", "valid_from", "id"]
        constraints = [
            models.CheckConstraint(
                name="deadline_at_once_has_no_length",
                condition=models.Q(unit=Unit.AT_ONCE.value, length=0)
                | (~models.Q(unit=Unit.AT_ONCE.value) & models.Q(length__gte=1, length__lte=LENGTH_LIMIT)),
            ),
            models.CheckConstraint(
                name="deadline_without_a_source_is_unverified",
                condition=models.Q(source__isnull=False) | models.Q(unverified=True),
            ),
        ]

    @property
    def article(self) -> str:
        """The article of the law that says so, in the reader's language."""
        return str(getattr(self, f"article_{get_language() or 'en'}", self.article_en))

    @property
    def note(self) -> str:
        return str(getattr(self, f"note_{get_language() or 'en'}", self.note_en))


class Holiday(Named):
    """A day off, or a day of the weekend that is worked in its place: what the pack says of that day."""

    class Kind(models.TextChoices):
        OFF = "off", _("day off")
        WORKED = "worked", _("worked")

    date = models.DateField(_("date"), unique=True)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="holidays")

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["date"]
