"""What one person proposes and another approves. The database refuses the change itself without both.

Migration 0017 has the triggers: a proposal never changes but in its state, it is carried out only with the approvals
that it needs, each of its very hash, and guarded tables are written only while one is carried out (registry.guards).
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

ANY = "*"  # the record of a proposal that changes many


class Proposal(models.Model):
    class Operation(models.TextChoices):
        CREATE = "create", _("add an entry")
        CORRECT = "correct", _("correct an entry")
        WITHDRAW = "withdraw", _("withdraw an entry")
        RESTORE = "restore", _("restore an entry")
        MERGE = "merge", _("join two entries of one thing")
        PUBLISH = "publish", _("publish a paper")
        REDACT = "redact", _("blacken a published paper")
        PACK = "pack", _("publish a country pack")
        ADMIT = "admit", _("admit a probe location")
        REVOKE = "revoke", _("revoke a probe location")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        CARRYING = "carrying", _("being carried out")  # inside one transaction, never seen outside of it
        DONE = "done", pgettext_lazy("of a proposal", "agreed and done")
        REFUSED = "refused", pgettext_lazy("of a proposal", "refused")
        TAKEN_BACK = "taken_back", _("taken back by its author")

    operation = models.CharField(_("operation"), max_length=10, choices=Operation)
    # A table's model name and a row of it; no row: a new one. ANY: more than one table.
    record_type = models.CharField(_("table"), max_length=40)
    record_id = models.BigIntegerField(_("number of the entry"), null=True, blank=True)
    # Canonical JSON (RFC 8785) of all that is proposed, the reason and the state that the author looked at.
    content = models.TextField(_("content"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    # NULL: whoever runs the server, at the command line. Then two editors have to agree.
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="proposals",
    )
    proposed_at = models.DateTimeField(_("proposed at"), auto_now_add=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING, db_index=True)
    made_id = models.BigIntegerField(_("number of the new entry"), null=True, blank=True)
    answer = models.TextField(_("why it was refused"), blank=True, default="")
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    # Set while it is carried out, to a row that no constraint lets exist: so no transaction ends in that state.
    never = models.ForeignKey(
        "self", verbose_name=_("never"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="proposal_has_a_number", condition=models.Q(id__gt=0)),
            models.CheckConstraint(
                name="proposal_is_carried_out_at_once",
                condition=models.Q(state="carrying", never__isnull=False, never__lt=0)
                | (~models.Q(state="carrying") & models.Q(never=None)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_operation_display()}: {self.record_type} {self.record_id or ''}".strip()

    @property
    def told(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.content)
        return content


class Prepared(models.Model):
    """What would come of a proposal, made once for whoever is to agree.

    Of a paper that is blackened the copy, of a country pack the differences (JSON). Not public; it goes when the
    proposal is decided.
    """

    proposal = models.OneToOneField(
        Proposal, verbose_name=_("proposal"), on_delete=models.PROTECT, related_name="prepared"
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    data = models.BinaryField(_("bytes"))

    class Meta:
        verbose_name = _("preparation")
        verbose_name_plural = _("preparations")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.sha256


class Approval(models.Model):
    proposal = models.ForeignKey(
        Proposal, verbose_name=_("proposal"), on_delete=models.PROTECT, related_name="approvals"
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64)  # of what the approver saw
    # The proposal's own, so that the database can compare the two.
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("approved by"), on_delete=models.PROTECT, related_name="approvals"
    )
    at = models.DateTimeField(_("moment"), auto_now_add=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(name="approval_once_a_person", fields=["proposal", "approver"]),
            models.CheckConstraint(name="approval_by_another_person", condition=~models.Q(author=models.F("approver"))),
        ]

    def __str__(self) -> str:
        return f"{self.proposal}: {self.approver}"


class Trial(models.Model):
    """While there is one, guarded tables may be written, to see what would come of it. It cannot be committed.

    It points at a row that no constraint lets exist, and the database checks that at the end of a transaction; nor
    can it be deleted. So all that was tried is rolled back with it.
    """

    never = models.ForeignKey("self", verbose_name=_("never"), on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("trial")
        verbose_name_plural = _("trials")
        constraints = [
            models.CheckConstraint(name="trial_is_a_number", condition=models.Q(id__gt=0)),
            models.CheckConstraint(name="trial_points_nowhere", condition=models.Q(never__lt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
