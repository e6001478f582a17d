"""Work that fails is tried again; after five times it is put aside with its traceback, and the rest goes on."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from checks.models import Parked

log = logging.getLogger(__name__)


@contextmanager
def parking(kind: Parked.Kind, key: object, *, at: datetime, body: Any = None, whole: bool = True) -> Iterator[None]:
    """Run a piece of work, and write down that it failed instead of failing. Inside, it writes all or nothing; but for
    work with steps of its own, which is not `whole`.

    A database that cannot be reached is no fault of the work, and is raised. `body` is kept with what was put aside.
    """
    try:
        with transaction.atomic() if whole else nullcontext():
            yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # whatever it is, the next piece of work must not wait for it; it is told with its traceback
        log.exception("%s failed: %s", kind.label, key)
        _note(kind, str(key), at, body)
    else:
        Parked.objects.filter(kind=kind, key=str(key)).delete()


@transaction.atomic
def _note(kind: Parked.Kind, key: str, at: datetime, body: Any) -> None:
    told = {"failed_at": at, "traceback": traceback.format_exc()[-20_000:]}
    row, _ = Parked.objects.get_or_create(kind=kind, key=key, defaults=told)
    Parked.objects.filter(pk=row.pk).update(failures=F("failures") + 1, **told)
    aside = Parked.objects.aside().filter(pk=row.pk)
    if body is not None:
        aside.update(body=body)


def is_aside(kind: Parked.Kind, key: object) -> bool:
    return Parked.objects.aside().filter(kind=kind, key=str(key)).exists()


def aside(kind: Parked.Kind) -> set[str]:
    """The keys of all that waits for a person."""
    return set(Parked.objects.aside().filter(kind=kind).values_list("key", flat=True))


def try_again(parked: Parked) -> None:
    """What was put aside is work again, with five attempts."""
    Parked.objects.filter(pk=parked.pk).update(failures=0)
