"""The tables of the evidence. Machines write them; no row here knows who reported anything."""

from __future__ import annotations

import ipaddress
import json
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from uuid_utils.compat import uuid7

from checks.engine.records import Measurement as Record
from checks.verdict.facts import UNKNOWN, Setting
from checks.verdict.rules import RULESET


class Network(models.Model):
    """An autonomous system. Only access networks count in "blocked on N of M networks"."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("access")
        HOSTING = "hosting", _("hosting")
        OTHER = "other", _("other")

    asn = models.PositiveBigIntegerField(_("AS number"), unique=True)
    name = models.CharField(pgettext_lazy("heading", "name"), max_length=200)
    brand = models.CharField(_("brand"), max_length=200, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    country = models.CharField(_("country"), max_length=2, blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    imitated = models.BooleanField(_("imitated"), default=False)  # one of the lab: nothing seen there is a finding
    # When something last came from its vantages, though they were asked again and again; empty while they deliver.
    silent_since = models.DateTimeField(_("silent since"), null=True, blank=True)

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ["asn"]

    def __str__(self) -> str:
        return f"{self.title} (AS{self.asn})"

    @property
    def title(self) -> str:
        """What people call it; one of the lab in the reader's language."""
        return self.brand or (str(IMITATED.get(self.name, self.name)) if self.imitated else self.name)


IMITATED = {
    "Imitated control network": _("Imitated control network"),
    "Imitated network A": _("Imitated network A"),
    "Imitated network B": _("Imitated network B"),
    "Imitated network C": _("Imitated network C"),
    "Imitated network D": _("Imitated network D"),
}  # as checks.lab names them


class AddressRangeQuerySet(models.QuerySet["AddressRange"]):
    def holding(self, address: str) -> Self:
        key = address_key(address)
        return self.filter(first__lte=key, last__gte=key).order_by("-first")


class AddressRange(models.Model):
    """Addresses announced by one network; both ends are 32 hexadecimal digits, IPv4 as ::ffff:a.b.c.d."""

    first = models.CharField(_("first address"), max_length=32, db_index=True)
    last = models.CharField(_("last address"), max_length=32)
    asn = models.PositiveBigIntegerField(_("AS number"), db_index=True)
    name = models.CharField(pgettext_lazy("heading", "name"), max_length=200)

    objects = AddressRangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("address range")
        verbose_name_plural = _("address ranges")
        ordering = ["first"]
        constraints = [models.UniqueConstraint(fields=["first", "last"], name="address_range_once")]

    def __str__(self) -> str:
        return f"{self.first}-{self.last} AS{self.asn}"


def address_key(address: str) -> str:
    """An address as a text that sorts: 32 hexadecimal digits. Raises ValueError for what is none."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        parsed = ipaddress.IPv6Address(f"::ffff:{parsed}")
    return f"{int(parsed):032x}"


class VantageQuerySet(models.QuerySet["Vantage"]):
    def watching(self) -> Self:
        """Those whose networks count as measured: admitted probes, and OONI's."""
        return self.filter(role=Vantage.Role.ACCESS, state__in=[Vantage.State.ADMITTED, Vantage.State.IMPORTED])


class Vantage(models.Model):
    """A probe location: one key, one queue `probe.<name>`, one network.

    One whose `source` is OONI stands for all of OONI's probes in a network, or for its test helpers. It has no key and
    is neither admitted nor revoked: nothing is ever asked of it, and its silence says nothing.
    """

    class Role(models.TextChoices):
        ACCESS = "access", _("measures")
        CONTROL = "control", _("control")

    class State(models.TextChoices):
        ADMITTED = "admitted", _("admitted")
        REVOKED = "revoked", _("revoked")
        IMPORTED = "imported", _("imported")

    class Source(models.TextChoices):
        OWN = "own", _("our own probe")
        OONI = "ooni", _("OONI’s probes")

    name = models.SlugField(pgettext_lazy("heading", "name"), max_length=60, unique=True)
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="vantages")
    region = models.CharField(_("region"), max_length=6, blank=True, default="")  # ISO 3166-2
    role = models.CharField(_("role"), max_length=7, choices=Role)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ADMITTED)
    source = models.CharField(_("source"), max_length=4, choices=Source, default=Source.OWN)
    # Ed25519, hexadecimal; two vantages are two witnesses
    public_key = models.CharField(_("public key"), max_length=64, unique=True, null=True, blank=True)
    # may visit what a stranger typed
    takes_unreviewed = models.BooleanField(_("takes unreviewed names"), default=False)
    consent_on = models.DateField(_("consent given on"), null=True, blank=True)
    consent_version = models.CharField(_("version of the consent"), max_length=20, blank=True, default="")
    excluded_categories = models.JSONField(_("excluded categories"), default=list, blank=True)
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    objects = VantageQuerySet.as_manager()

    class Meta:
        verbose_name = _("vantage")
        verbose_name_plural = _("vantages")
        ordering = ["role", "name"]
        constraints = [
            models.CheckConstraint(
                name="vantage_of_ours_has_a_key",
                condition=(Q(source="own", public_key__isnull=False) & ~Q(state="imported"))
                | Q(source="ooni", public_key__isnull=True, state="imported"),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        return f"probe.{self.name}"


class Target(models.Model):
    """A URL to visit, in its canonical form."""

    url = models.CharField(_("web address"), max_length=2048, unique=True)
    host = models.CharField(_("host"), max_length=255, db_index=True)
    category = models.CharField(_("category"), max_length=10, blank=True, default="")  # Citizen Lab code

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["host", "id"]

    def __str__(self) -> str:
        return self.url


class Plan(models.Model):
    """Which targets are measured from which vantages, and how often."""

    name = models.SlugField(pgettext_lazy("heading", "name"), max_length=60, unique=True)
    targets = models.ManyToManyField(Target, verbose_name=_("targets"), blank=True, related_name="plans")
    vantages = models.ManyToManyField(Vantage, verbose_name=_("vantages"), blank=True, related_name="plans")
    period = models.DurationField(_("how often"))
    due_at = models.DateTimeField(_("due"), db_index=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Round(models.Model):
    """Pairs a control run with a probe run of the same targets.

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
        WAITING = "waiting", _("waits for its control")
        READY = "ready", _("ready")
        RECORDED = "recorded", _("recorded")
        FAILED = "failed", _("failed")

    round = models.ForeignKey(Round, verbose_name=_("round"), on_delete=models.CASCADE, related_name="runs")
    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="runs")
    targets = models.JSONField(_("targets"))  # list of Target ids
    # URL → addresses to visit besides those that the vantage resolves.
    addresses = models.JSONField(_("addresses that the control saw"), default=dict)
    state = models.CharField(_("state"), max_length=8, choices=State)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    recorded_at = models.DateTimeField(_("result recorded"), null=True, blank=True)
    judged_at = models.DateTimeField(_("judged"), null=True, blank=True)
    # What the vantage found out about itself (checks.engine.records.SelfTest); a vantage that failed measured nothing.
    self_test = models.JSONField(_("what it found out about itself"), null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["round", "vantage"], name="run_once_a_round")]
        indexes = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"run {self.pk} for {self.vantage}"


class MeasurementQuerySet(models.QuerySet["Measurement"]):
    def published(self) -> Self:
        """Without those of first checks."""
        return self.filter(run__round__plan__isnull=False)


class Measurement(models.Model):
    """One visit as one vantage saw it. Facts only; the document holds the whole record.

    The time-ordered id is also the partition key; nothing points here with a foreign key.
    """

    id = models.UUIDField("ID", primary_key=True, default=uuid7, editable=False)
    run = models.ForeignKey(Run, verbose_name=_("run"), on_delete=models.PROTECT, related_name="measurements")
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="measurements")
    vantage = models.ForeignKey(
        Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="measurements"
    )
    network = models.ForeignKey(
        Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="measurements"
    )
    control = models.BooleanField(_("control"))
    started_at = models.DateTimeField(_("began"))
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)
    failure = models.CharField(_("failure"), max_length=200, blank=True, default="")
    imitated = models.BooleanField(_("imitated"))
    document = models.BinaryField(_("record of the visit"))  # zlib-compressed JSON of checks.engine.records.Measurement
    # Of an imported one, where it is from and what was known beside its records (checks.formats.ooni.Origin).
    origin = models.JSONField(_("where it is imported from"), null=True, blank=True)

    objects = MeasurementQuerySet.as_manager()

    class Meta:
        verbose_name = _("measurement")
        verbose_name_plural = _("measurements")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["target", "network", "-started_at"]),
            models.Index(fields=["target", "started_at"], name="measurement_controls", condition=Q(control=True)),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @staticmethod
    def pack(record: Record) -> bytes:
        return zlib.compress(json.dumps(record.as_json(), separators=(",", ":")).encode(), 9)

    @property
    def record(self) -> Record:
        return Record.from_json(json.loads(zlib.decompress(bytes(self.document))))

    @property
    def own_control(self) -> str | None:
        """The id of the one control that an imported measurement came with, if any. It is paired with no other."""
        return self.origin.get("control") if self.origin else None

    @property
    def setting(self) -> Setting:
        """What was known beside the records; of our own measurements nothing is."""
        return Setting(**self.origin["setting"]) if self.origin else UNKNOWN


class RulesetQuerySet(models.QuerySet["Ruleset"]):
    def current(self) -> str:
        """The one that public states rest on; before the first judgement, the newest that this code knows."""
        made = self.filter(made_current_at__isnull=False).order_by("-made_current_at", "-pk").first()
        return made.name if made else RULESET

    def candidates(self) -> Self:
        """Those that were begun and never made current: an editor is to look at what they change."""
        return self.filter(made_current_at=None)


class Ruleset(models.Model):
    """A ruleset under which measurements were judged, and when public states were last made to rest on it."""

    name = models.CharField(_("ruleset"), max_length=20, unique=True)
    begun_at = models.DateTimeField(_("begun"))
    made_current_at = models.DateTimeField(_("made current"), null=True, blank=True)
    by = models.CharField(_("by"), max_length=60, blank=True, default="")  # a key id of the log; empty: the first
    reason = models.TextField(_("reason"), blank=True, default="")

    objects = RulesetQuerySet.as_manager()

    class Meta:
        verbose_name = _("ruleset")
        verbose_name_plural = _("rulesets")
        ordering = ["-begun_at", "-pk"]

    def __str__(self) -> str:
        return self.name


class VerdictQuerySet(models.QuerySet["Verdict"]):
    def published(self) -> Self:
        """Without those of first checks."""
        return self.filter(run__round__plan__isnull=False)

    def current(self) -> Self:
        """Under the ruleset that public states rest on."""
        return self.filter(ruleset=Ruleset.objects.current())


class Verdict(models.Model):
    """What one measurement means under one ruleset. A new ruleset adds rows and changes none."""

    class Value(models.TextChoices):
        ACCESSIBLE = "accessible", _("accessible")
        BLOCKED = "blocked", _("blocked")
        DOWN = "down", _("down")
        INCONCLUSIVE = "inconclusive", _("inconclusive")

    measurement = models.UUIDField(_("measurement"))
    run = models.ForeignKey(Run, verbose_name=_("run"), on_delete=models.PROTECT, related_name="verdicts")
    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="verdicts")
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="verdicts")
    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="verdicts")
    at = models.DateTimeField(_("measured at"))
    verdict = models.CharField(_("verdict"), max_length=12, choices=Value)
    mechanism = models.CharField(_("mechanism"), max_length=60, blank=True, default="")
    rule = models.CharField(_("rule"), max_length=60)
    ruleset = models.CharField(_("ruleset"), max_length=20)
    confidence = models.CharField(_("confidence"), max_length=6)
    artefact = models.BooleanField(_("a trace that only a censor leaves"), default=False)
    confirmed = models.BooleanField(_("confirmed by a second look"), default=False)
    notes = models.JSONField(_("notes"), default=list)
    controls = models.JSONField(_("control measurements"), default=list)  # ids of the control measurements it rests on
    fingerprints = models.CharField(_("revision of the fingerprints"), max_length=40, blank=True, default="")
    trust_store = models.CharField(_("certificate store"), max_length=60, blank=True, default="")
    imitated = models.BooleanField(_("imitated"))

    objects = VerdictQuerySet.as_manager()

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["measurement", "ruleset"], name="verdict_once_a_ruleset")]
        indexes = [models.Index(fields=["target", "network", "-at"])]

    def __str__(self) -> str:
        return f"{self.target} on {self.network}: {self.verdict}"


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


class Wave(models.Model):
    """Many episodes that began together, or networks that fell silent together: offered to an editor as an event.

    Found anew from the episodes and the runs by `checks.waves`; an editor's decision is the `state` alone.
    """

    class Kind(models.TextChoices):
        TARGETS = "targets", _("many sites at once")
        NETWORKS = "networks", _("one site on many networks")
        BOTH = "both", _("many sites on many networks")
        SILENCE = "silence", _("networks fell silent")

    class Direction(models.TextChoices):
        BLOCK = "block", _("cut")
        UNBLOCK = "unblock", _("opened again")
        SILENCE = "silence", _("silence")

    class State(models.TextChoices):
        NEW = "new", _("waits for a decision")
        ACCEPTED = "accepted", _("made an event")
        DISMISSED = "dismissed", _("dismissed")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    direction = models.CharField(_("direction"), max_length=7, choices=Direction)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.NEW)
    # Stretches in which it was on: `not_before` and `began`, `ended_not_before` and `ended` (null: no end was seen).
    intervals = models.JSONField(_("intervals"))
    networks = models.ManyToManyField(Network, verbose_name=_("networks"), related_name="waves")
    # That had evidence about its sites, or delivered regularly, then.
    networks_measured = models.PositiveIntegerField(_("networks that were measured"))
    targets = models.ManyToManyField(Target, verbose_name=_("targets"), blank=True, related_name="waves")
    hosts = models.PositiveIntegerField(_("sites"), default=0)
    # On its networks, with enough evidence, when it began.
    hosts_measured = models.PositiveIntegerField(_("sites that were measured"), default=0)
    # Pairs of a target and a network.
    changes = models.PositiveIntegerField(_("sites on networks that changed"), default=0)
    vantages = models.PositiveIntegerField(_("vantages"), default=0)  # of a silence: that used to deliver, and stopped
    mechanisms = models.JSONField(_("mechanisms"), default=list)
    began_at = models.DateTimeField(_("began"))
    changed_at = models.DateTimeField(_("last change"))  # when the last change that belongs to it was first seen
    seen_at = models.DateTimeField(_("last evidence"))  # that it was on
    found_at = models.DateTimeField(_("found at"))

    class Meta:
        verbose_name = _("wave")
        verbose_name_plural = _("waves")
        ordering = ["-began_at", "id"]
        constraints = [models.UniqueConstraint(fields=["direction", "began_at"], name="wave_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {timezone.localtime(self.began_at):%Y-%m-%d %H:%M}"


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
