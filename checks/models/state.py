"""The public state of a target on a network: now, and in stretches of time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from checks.models.network import Network
from checks.models.plan import Target


class State(models.TextChoices):
    """The public state of a target on a network. Missing evidence is `insufficient`, never reachable."""

    BLOCKED = "blocked", _("blocked")
    LIKELY_BLOCKED = "likely_blocked", _("probably blocked")
    THROTTLED = "throttled", _("slowed down")
    CONTRADICTORY = "contradictory", _("contradictory")
    DOWN = "down", _("down")
    ACCESSIBLE = "accessible", _("accessible")
    INSUFFICIENT = "insufficient", _("too little data")


class Cell(models.Model):
    """The current state of one target on one network: the table that every page reads."""

    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="cells")
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="cells")
    state = models.CharField(_("state"), max_length=14, choices=State, default=State.INSUFFICIENT)
    mechanism = models.CharField(_("mechanism"), max_length=60, blank=True, default="")
    # What the state rests on: the verdicts from `counted_from` to `counted_until`.
    counts = models.JSONField(_("verdicts, by class"), default=dict)  # verdict → number
    rules = models.JSONField(_("rules that decided"), default=dict)  # rule → number
    counted_from = models.DateTimeField(_("counted from"), null=True, blank=True)
    counted_until = models.DateTimeField(_("counted until"), null=True, blank=True)
    measurements = models.PositiveIntegerField(_("measurements"), default=0)
    conclusive = models.PositiveIntegerField(_("conclusive"), default=0)
    runs = models.PositiveIntegerField(_("runs"), default=0)
    vantages = models.PositiveIntegerField(_("vantages"), default=0)
    # Which vantage saw what: its name → verdict → number.
    places = models.JSONField(_("verdicts, by vantage"), default=dict)
    # One says by itself that it is blocked, another that it opens.
    split = models.BooleanField(_("vantages disagree"), default=False)
    # Measurements that a window used to have.
    usual = models.PositiveIntegerField(_("usual number of measurements"), null=True, blank=True)
    # The last one has less than half of that.
    fewer = models.BooleanField(_("fewer measurements than usual"), default=False)
    witnesses = models.JSONField(_("deciding measurements"), default=list)  # ids of the measurements that decide it
    # Another class that two rounds agreed on: it counts when it has the floor, and until then the state is held.
    candidate = models.CharField(_("state that may come next"), max_length=14, blank=True, default="")
    candidate_since = models.DateTimeField(_("may come next since"), null=True, blank=True)
    measured_at = models.DateTimeField(_("last measured"), null=True, blank=True)
    # Where the next verdict goes on from.
    checkpoint = models.JSONField(_("where counting goes on from"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("cell")
        verbose_name_plural = _("cells")
        ordering = ["target", "network"]
        indexes = [models.Index(fields=["network", "state"], name="cell_states")]  # a network's page
        constraints = [models.UniqueConstraint(fields=["target", "network"], name="cell_once")]

    def __str__(self) -> str:
        return f"{self.target} on {self.network}: {self.state}"


class Episode(models.Model):
    """A stretch of time in which a target on a network was in one class of states. The last one has no end.

    Each end lies between two measurements: `not_before` and `began_at`, `seen_at` and `ended_at`.
    """

    class Change(models.TextChoices):
        """What its beginning was (`checks.verdict.episodes`)."""

        FIRST = "first", _("first known")
        BLOCK = "block", _("interference began")
        UNBLOCK = "unblock", _("interference ended")
        RELAPSE = "relapse", _("interference began again")
        MECHANISM = "mechanism", _("interference of another kind")
        DOWN = "down", _("the site went down")
        RECOVERY = "recovery", _("the site came back")
        CONTRADICTORY = "contradictory", _("measurements began to disagree")
        LOST = "lost", _("too little data from here on")
        RESUMED = "resumed", _("the same as before a break")

    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="episodes")
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="episodes")
    state = models.CharField(_("state"), max_length=14, choices=State)  # its degree, the latest that it had
    mechanism = models.CharField(_("mechanism"), max_length=60, blank=True, default="")
    change = models.CharField(_("change"), max_length=14, choices=Change, default=Change.FIRST)
    # The last measurement that said otherwise.
    not_before = models.DateTimeField(_("began not before"), null=True, blank=True)
    began_at = models.DateTimeField(_("began"))  # the first measurement that said so
    decided_at = models.DateTimeField(_("decided by the measurement of"), null=True, blank=True)
    seen_at = models.DateTimeField(_("last measurement that agreed"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)  # where the next one began
    witnesses = models.JSONField(_("deciding measurements"), default=list)
    # Where late data is counted anew from.
    checkpoint = models.JSONField(_("where counting goes on from"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("episode")
        verbose_name_plural = _("episodes")
        ordering = ["-began_at", "id"]
        indexes = [models.Index(fields=["-began_at", "-id"], name="episode_newest")]
        constraints = [
            models.CheckConstraint(
                name="episode_ends_after_start", condition=Q(ended_at=None) | Q(ended_at__gte=F("began_at"))
            ),
            models.UniqueConstraint(fields=["target", "network"], condition=Q(ended_at=None), name="episode_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.target} on {self.network}: {self.state} since {self.began_at:%Y-%m-%d}"


class RecountQuerySet(models.QuerySet["Recount"]):
    def ask(self, cells: Iterable[tuple[int, int]], *, at: datetime) -> None:
        """Ask for cells, as pairs of a target's and a network's id, in the transaction that changed their verdicts.

        One that waits already is written again: whoever is about to count it then waits for that transaction.
        """
        rows = [Recount(target_id=target, network_id=network, asked_at=at) for target, network in sorted(set(cells))]
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["target", "network"],
            update_fields=["asked_at"],
            batch_size=5000,
        )


class Recount(models.Model):
    """A cell whose verdicts changed all at once, by an import or a new ruleset, and that waits to be counted anew."""

    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.CASCADE, related_name="recounts")
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.CASCADE, related_name="recounts")
    asked_at = models.DateTimeField(_("asked at"))

    objects = RecountQuerySet.as_manager()

    class Meta:
        verbose_name = _("recount")
        verbose_name_plural = _("recounts")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["target", "network"], name="recount_once")]

    def __str__(self) -> str:
        return f"{self.target} on {self.network}"
