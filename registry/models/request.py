"""What was asked of whom about a restriction, and what came of it. Who asked is in no table."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry.dates import PartialDateField
from registry.models.authority import Authority
from registry.models.deadline import Deadline
from registry.models.event import Event
from registry.models.resource import Resource
from registry.models.restriction import Restriction, hidden
from registry.models.source import Source

# The procedures of the law under which one may ask; each has its own time to reply.
GROUNDS = (Deadline.Procedure.REQUEST, Deadline.Procedure.ACCESS_REQUEST, Deadline.Procedure.MEDIA_REQUEST)


class InformationRequestQuerySet(models.QuerySet["InformationRequest"]):
    def public(self) -> Self:
        """Not one about a restriction that is not public itself."""
        return self.filter(public=True).exclude(restriction__public=False)

    def standing(self) -> Self:
        """Nor one about a restriction or an event that was withdrawn. One that was taken back itself stays listed."""
        about = models.Q(restriction=None) | models.Q(restriction__withdrawn="")
        return self.public().filter(about, models.Q(event=None) | models.Q(event__withdrawn=""))

    def whole(self) -> Self:
        """Whatever a page says of a request, in a fixed number of queries."""
        return self.select_related(
            "authority", "resource", "restriction__resource", "event", "source"
        ).prefetch_related("steps__authority", "steps__source", hidden("event__"))


class InformationRequest(models.Model):
    class Asks(models.TextChoices):
        WHETHER_ACT = "whether_act", _("whether there is an act, and which")
        ACT = "act", _("for the act itself")
        OPERATOR = "operator", _("an operator, why it does not open")
        OTHER = "other", _("something else")

    class Language(models.TextChoices):
        KK = "kk", _("Kazakh")
        RU = "ru", _("Russian")

    key = models.SlugField(_("key"), max_length=120, unique=True)  # its address; it names neither who asks nor a site
    authority = models.ForeignKey(
        Authority, verbose_name=_("authority"), null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )
    addressee = models.CharField(_("addressee"), max_length=300)  # as it was written to, or as the source names it
    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )
    restriction = models.ForeignKey(
        Restriction,
        verbose_name=_("restriction"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="requests",
    )
    event = models.ForeignKey(
        Event, verbose_name=_("event"), null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )
    asks = models.CharField(_("what it asks"), max_length=12, choices=Asks)
    procedure = models.CharField(
        _("procedure"), max_length=20, choices=[(one.value, one.label) for one in GROUNDS], blank=True
    )
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True, default="")
    text = models.TextField(_("text"), blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    number = models.CharField(_("number"), max_length=80, blank=True, default="")  # under which the body registered it
    public = models.BooleanField(pgettext_lazy("heading", "public"), default=True)
    withdrawn = models.TextField(_("why it was withdrawn"), blank=True, default="")  # why; empty: it stands
    source = models.ForeignKey(
        Source, verbose_name=_("source"), null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )

    objects = InformationRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("information request")
        verbose_name_plural = _("information requests")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="request_is_about_one_thing",
                condition=models.Q(resource__isnull=False, restriction__isnull=True, event__isnull=True)
                | models.Q(resource__isnull=True, restriction__isnull=False, event__isnull=True)
                | models.Q(resource__isnull=True, restriction__isnull=True, event__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.to}"

    def get_absolute_url(self) -> str:
        return reverse("request", args=[self.key])

    @property
    def to(self) -> str:
        """Whom it asks, in the reader's language where we have that."""
        return self.authority.name if self.authority else self.addressee

    @property
    def about(self) -> Resource | None:
        """The resource that it is about; None of an event."""
        return self.restriction.resource if self.restriction else self.resource

    @property
    def touches(self) -> list[Resource]:
        """The resource, or of an event those not shown in full: no text may name them. Read it `whole`."""
        if self.about:
            return [self.about]
        return [one.resource for one in getattr(self.event, "unshown", ())]

    @property
    def shown_in_full(self) -> bool:
        """May its own words be shown? Not where the resource's name may not be."""
        return self.about is None or self.about.display == Resource.Display.FULL


class RequestStep(models.Model):
    """One thing that happened to a request. Steps are added, never changed."""

    class Kind(models.TextChoices):
        DRAFTED = "drafted", pgettext_lazy("of a request", "drafted")
        SENT = "sent", pgettext_lazy("of a request", "sent")
        RECEIVED = "received", pgettext_lazy("of a request", "received by the body")
        EXTENDED = "extended", pgettext_lazy("of a request", "the body extended its time")
        FORWARDED = "forwarded", pgettext_lazy("of a request", "forwarded to another body")
        ANSWERED = "answered", pgettext_lazy("of a request", "answered")
        COMPLAINED = "complained", pgettext_lazy("of a request", "complaint made")
        APPEALED = "appealed", pgettext_lazy("of a request", "taken to court")
        DECIDED = "decided", pgettext_lazy("of a request", "complaint or claim decided")

    class Reply(models.TextChoices):
        FULL = "full", pgettext_lazy("reply", "full")
        PARTIAL = "partial", pgettext_lazy("reply", "partial")
        FORMAL = "formal", pgettext_lazy("reply", "formal, without substance")
        REFUSAL = "refusal", pgettext_lazy("reply", "refusal")
        REDIRECTED = "redirected", pgettext_lazy("reply", "redirected elsewhere")
        NONE = "none", pgettext_lazy("reply", "no reply came")

    class Outcome(models.TextChoices):
        GRANTED = "granted", pgettext_lazy("outcome", "granted")
        PARTLY = "partly", pgettext_lazy("outcome", "granted in part")
        DISMISSED = "dismissed", pgettext_lazy("outcome", "dismissed")

    request = models.ForeignKey(
        InformationRequest, verbose_name=_("information request"), on_delete=models.CASCADE, related_name="steps"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    date = PartialDateField(_("date"))  # a clock needs the day; what is less exact is shown, and starts none
    until = PartialDateField(_("new last day"))  # of an extension: the new last day, where the body named one
    # Empty: nobody has classed it.
    reply = models.CharField(_("class of the reply"), max_length=10, choices=Reply, blank=True, default="")
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome, blank=True, default="")
    authority = models.ForeignKey(  # to whom it was forwarded, complained or taken; or who decided
        Authority,
        verbose_name=_("authority"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="request_steps",
    )
    note = models.TextField(_("note"), blank=True, default="")
    document_url = models.URLField(_("address of the document"), max_length=2000, blank=True, default="")
    document_sha256 = models.CharField(_("SHA-256 of the document"), max_length=64, blank=True, default="")
    source = models.ForeignKey(
        Source, verbose_name=_("source"), null=True, blank=True, on_delete=models.PROTECT, related_name="request_steps"
    )

    class Meta:
        verbose_name = _("step of a request")
        verbose_name_plural = _("steps of requests")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="request_step_only_answers_have_a_class",
                condition=models.Q(reply="") | models.Q(kind="answered"),
            ),
            models.CheckConstraint(
                name="request_step_only_decisions_have_an_outcome",
                condition=models.Q(outcome="") | models.Q(kind="decided"),
            ),
            models.CheckConstraint(
                name="request_step_only_extensions_have_a_new_day",
                condition=models.Q(until="") | models.Q(kind="extended"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.happened} {self.date}".strip()

    @property
    def happened(self) -> str:
        """A silence is an answer of the class `none`, and must not be called an answer."""
        return self.get_reply_display() if self.reply == self.Reply.NONE else self.get_kind_display()
