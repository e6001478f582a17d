"""Copies of the measurements that public states rest on, made before their months are dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from uuid import UUID

from checks import archived
from checks.models import Cell, Episode, Measurement, Verdict, Witness

AT_ONCE = 500


def copy(*, before: UUID) -> int:
    """Copy what cells and episodes name among the measurements before this id, with the controls of their verdicts,
    from wherever it is. What is copied already stays. Returns how many are new.

    A recount may name a measurement whose month went long ago: it is copied from the archive.
    """
    copied = 0
    named = _named(str(before))
    while some := set(islice(named, AT_ONCE)):
        missing = _missing(some)
        judged = Verdict.objects.filter(measurement__in=missing).values_list("controls", flat=True)
        wanted = missing | _missing({UUID(pk) for pks in judged for pk in pks})
        found = archived.wherever(wanted, Measurement.objects.all()).values()
        rows = [row for row in found if row.origin is None]  # an import is never dropped
        Witness.objects.bulk_create([Witness.of(row) for row in rows], ignore_conflicts=True)
        copied += len(rows)
    return copied


def _named(before: str) -> Iterator[UUID]:
    lists = (model.objects.order_by().values_list("witnesses", flat=True).iterator() for model in (Cell, Episode))
    return (UUID(pk) for pk in chain.from_iterable(chain(*lists)) if pk < before)


def _missing(ids: Iterable[UUID]) -> set[UUID]:
    wanted = set(ids)
    return wanted - set(Witness.objects.filter(pk__in=wanted).values_list("pk", flat=True))
