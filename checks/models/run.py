"""Rounds and runs: work for one vantage, held under a lease."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from checks.models.plan import Plan, Priority
from checks.models.vantage import Vantage


class Round(models.Model):
    """Pairs a control run with a probe run of the same targets, and with a follow-up by the control where need be.

    Without a plan it is the first check of a reported name: shown to whoever holds the receipt and to editors
    only, counted nowhere, and forgotten after days (`planning.forget_first_checks`). Of imported measurements it is
    one report of theirs: what one probe measured in one go.
    """

    plan = models.ForeignKey(
        Plan, verbose_name=_("plan"), null=True, blank=True, on_delete=models.PROTECT, related_name="rounds"
    )
    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="rounds")
    # The moment it was due: beat twice in one slot makes one round. Of a first check the day alone: its minute
    # would be the reporter's.
    slot = models.DateTimeField(_("due"))
    # Where its targets begin, of a plan too large for one run; of an import, a number drawn from the report's id.
    batch = models.PositiveIntegerField(_("batch"), default=0)

    class Meta:
        verbose_name = _("round")
        verbose_name_plural = _("rounds")
        ordering = ["-slot", "id"]
        constraints = [models.UniqueConstraint(fields=["plan", "vantage", "slot", "batch"], name="round_once_a_slot")]
        indexes = [models.Index(fields=["slot"])]  # waves are looked for in the last weeks of years

    def __str__(self) -> str:
        return f"{self.vantage} {self.slot:%Y-%m-%d %H:%M}"


class RunQuerySet(models.QuerySet["Run"]):
    def free(self, at: datetime) -> Self:
        """Runs that somebody may take: ready, and held by nobody whose lease still runs."""
        return self.filter(state=Run.State.READY, attempt__lt=Run.ATTEMPTS).filter(
            Q(lease_until=None) | Q(lease_until__lte=at)
        )

    def held(self, at: datetime) -> Self:
        """Runs that somebody is at work on, or should be."""
        return self.filter(state=Run.State.READY, lease_until__gt=at)

    def overdue(self, at: datetime) -> Self:
        """Runs that are due and that nobody is at work on yet: the backlog."""
        return self.open().filter(due_at__lte=at).filter(Q(lease_until=None) | Q(lease_until__lte=at))

    def open(self) -> Self:
        """Runs that have not ended."""
        return self.filter(state__in=[Run.State.PLANNED, Run.State.WAITING, Run.State.READY])

    def given_up(self, at: datetime) -> Self:
        """Runs whose last attempt ran out without a result."""
        return self.filter(state=Run.State.READY, attempt__gte=Run.ATTEMPTS, lease_until__lte=at)

    def published(self) -> Self:
        """Without first checks, and only what came home."""
        return self.filter(round__plan__isnull=False, state=Run.State.RECORDED)

    def unjudged(self) -> Self:
        return self.filter(state=Run.State.RECORDED, judged_at=None, vantage__role=Vantage.Role.ACCESS)


class Run(models.Model):
    """A batch of targets for one vantage, held under a lease by one attempt at a time."""

    ATTEMPTS = 3

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        WAITING = "waiting", _("waits for its control")
        READY = "ready", _("ready")
        RECORDED = "recorded", _("recorded")
        FAILED = "failed", _("failed")

    round = models.ForeignKey(Round, verbose_name=_("round"), on_delete=models.CASCADE, related_name="runs")
    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="runs")
    targets = models.JSONField(_("targets"))  # list of Target ids
    # URL → addresses to visit besides those that the vantage resolves.
    addresses = models.JSONField(_("addresses that the other side saw"), default=dict)
    # A control's second run of a round: addresses that only the probe was given.
    follows_up = models.BooleanField(_("follows up what the probe saw"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=State)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.REGISTRY)
    due_at = models.DateTimeField(_("not before"))
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    # Why nothing came of it, of one that failed.
    failure = models.CharField(_("failure"), max_length=200, blank=True, default="")
    recorded_at = models.DateTimeField(_("result recorded"), null=True, blank=True)
    judged_at = models.DateTimeField(_("judged"), null=True, blank=True)
    # What the vantage found out about itself (checks.engine.records.SelfTest); a vantage that failed measured nothing.
    self_test = models.JSONField(_("what it found out about itself"), null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["round", "vantage", "follows_up"], name="run_once_a_round")]
        indexes = [
            models.Index(
                fields=["vantage", "priority", "due_at"],
                name="run_open",
                condition=Q(state__in=["planned", "waiting", "ready"]),
            ),
            models.Index(
                fields=["vantage", "id"], name="run_unjudged", condition=Q(state="recorded", judged_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} for {self.vantage}"
