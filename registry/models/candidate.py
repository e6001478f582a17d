"""Names that lists have and the register does not. Not public: nobody has looked at them yet."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Subquery
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry.models.resource import Coverage, Resource
from registry.models.snapshot import Snapshot


class CandidateQuerySet(models.QuerySet["Candidate"]):
    def link(self, urls: Collection[str] | None = None) -> int:
        """Those that came into the register by another way wait no longer; of these addresses, or of all."""
        covering = Coverage.objects.filter(target__url=OuterRef("url")).order_by("-canonical", "id")
        rows = self.filter(state=Candidate.State.NEW)
        if urls is not None:
            rows = rows.filter(url__in=urls)
        return rows.filter(Exists(covering)).update(
            state=Candidate.State.ACCEPTED, resource=Subquery(covering.values("resource")[:1])
        )


class Candidate(models.Model):
    class State(models.TextChoices):
        NEW = "new", _("waiting for an editor")
        ACCEPTED = "accepted", _("in the register")
        JOINED = "joined", pgettext_lazy("a candidate", "joined with a known resource")
        DISMISSED = "dismissed", pgettext_lazy("a candidate", "dismissed")

    # Canonical, as a target's; of a whole site by https.
    url = models.CharField(_("web address"), max_length=2048, unique=True)
    host = models.CharField(_("host"), max_length=255, db_index=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.NEW)
    resource = models.ForeignKey(
        Resource,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="candidates",
        verbose_name=_("resource"),
    )
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

    objects = CandidateQuerySet.as_manager()

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        ordering = ["id"]
        indexes = [models.Index(fields=["state", "id"], name="candidate_queue")]

    def __str__(self) -> str:
        return self.url


class Mention(models.Model):
    """That one list has a candidate's name: since which snapshot, and in which it was gone."""

    candidate = models.ForeignKey(
        Candidate, verbose_name=_("candidate"), on_delete=models.CASCADE, related_name="mentions"
    )
    list = models.SlugField(_("list"), max_length=60)
    # As the list has it: a Citizen Lab code, or the state's words.
    category = models.TextField(_("category"), blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    first = models.ForeignKey(
        Snapshot, verbose_name=_("first snapshot"), on_delete=models.PROTECT, related_name="mentions"
    )
    gone = models.ForeignKey(
        Snapshot,
        verbose_name=_("gone in the snapshot"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        verbose_name = _("mention in a list")
        verbose_name_plural = _("mentions in lists")
        ordering = ["list", "id"]
        constraints = [models.UniqueConstraint(fields=["candidate", "list"], name="mention_once_a_list")]

    def __str__(self) -> str:
        return f"{self.list}: {self.candidate}"
