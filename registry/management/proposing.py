"""What commands that propose have in common: nobody knows who runs them, so two editors have to agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import models
from django.urls import reverse

from registry import proposals
from registry.editing import NotPossible
from registry.log import NoReason
from registry.models import Proposal
from registry.proposals import Operation


def propose(operation: Operation, record: models.Model | None, fields: Mapping[str, Any], reason: str) -> str:
    """Answers with what is to be done next. Raises CommandError."""
    try:
        row = proposals.propose(operation, record, fields, by=None, reason=reason)
    except proposals.Waits as error:
        raise CommandError(f"{error} {_address(error.row)}") from None
    except (NotPossible, NoReason) as error:
        raise CommandError(str(error)) from None
    except ValidationError as error:
        raise CommandError("\n".join(error.messages)) from None
    return next_step(row)


def next_step(row: Proposal) -> str:
    if row.state == Proposal.State.DONE:
        return f"Nothing to do: it was agreed to already, at {_address(row)}"
    return f"Proposed: it is done when {proposals.needed(row)} editors have agreed to it at {_address(row)}"


def _address(row: Proposal) -> str:
    return f"{settings.SITE_URL}{reverse('desk:proposal', args=[row.pk])}"
