"""A snapshot becomes history: compared with the one before it, and recorded whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry import log
from registry.models import STATE_REGISTER, Candidate, Coverage, Listing, Mention, Snapshot, SnapshotFile, Source
from registry.registers.entries import Entry, Problem, Reading, of_list, of_state_register, read
from registry.registers.files import Unreadable

CHUNK = 1000  # rows in one statement
FEWEST = 0.5  # of the entries before; less than that is a broken download until somebody says that it is true
EXAMPLES = 5
PACKING = 6


class NotTaken(ValueError):
    """Why a snapshot is not taken, and what to change."""


@dataclass(frozen=True)
class Document:
    """A list as it came. `dated` is false where nobody but the file's own date says of which day it is."""

    data: bytes
    taken_on: date
    url: str = ""  # where it was fetched
    title: str = ""
    dated: bool = True


@dataclass(frozen=True)
class Difference:
    """Keys of entries, by what became of them since the snapshot before."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    kept: int  # of these, those whose rows were refused


@dataclass(frozen=True)
class Report:
    """What a snapshot says, and what was or would be done."""

    list: str
    taken_on: str
    sha256: str
    previous: Snapshot | None
    known: Snapshot | None  # these very bytes were taken as this snapshot: nothing is new
    snapshot: Snapshot | None  # what was recorded; None of a look
    reading: Reading
    difference: Difference
    names: int  # different names in it
    registered: int  # of them, those that stand for a resource
    candidates: int  # of them, those that nobody knew
    examples: Mapping[str, tuple[str, ...]]  # addresses by "added", "changed", "removed"

    @property
    def refused(self) -> tuple[Problem, ...]:
        return tuple(self.reading.refused)


def look(document: Document, *, list: str, at: datetime, expect_fewer: bool = False) -> Report:
    """What taking it would do. Writes nothing. Raises NotTaken."""
    return _Import(document, list, at).report(expect_fewer=expect_fewer)


def take(document: Document, *, list: str, at: datetime, by: str, expect_fewer: bool = False) -> Report:
    """Record a snapshot with its differences, its candidates and its log entry. Raises NotTaken."""
    one = _Import(document, list, at)
    try:
        with transaction.atomic():
            report = one.report(expect_fewer=expect_fewer)
            return report if report.known else one.record(report, by=by)
    except IntegrityError as error:
        if Snapshot.objects.of(list).first() == one.previous:
            raise
        raise NotTaken("somebody else recorded a snapshot of this list meanwhile: look again") from error


def _difference(before: Mapping[str, str], entries: Mapping[str, Entry], kept: Collection[str]) -> Difference:
    """From the digests of what stood before. What a refused row is about stands as it stood, if it did."""
    unread = sum(key in before for key in kept)
    return Difference(
        added=tuple(key for key in entries if key not in before),
        changed=tuple(key for key, entry in entries.items() if before.get(key, entry.digest) != entry.digest),
        removed=tuple(key for key in before if key not in entries and key not in kept),
        unchanged=sum(before.get(key) == entry.digest for key, entry in entries.items()) + unread,
        kept=unread,
    )


class _Import:
    """One snapshot on its way into the record."""

    def __init__(self, document: Document, list: str, at: datetime) -> None:
        self.document, self.list, self.at = document, list, at
        self.is_register = list == STATE_REGISTER
        self.taken_on = document.taken_on.isoformat()
        self.sha256 = hashlib.sha256(document.data).hexdigest()
        self.previous = Snapshot.objects.of(list).first()
        self.before: dict[str, tuple[int, str, str]] = {}  # key → id of its version, digest, address

    def report(self, *, expect_fewer: bool) -> Report:
        known = self._known()
        reading = Reading() if known else self._read()
        if not known:
            self._check_day()
            self.before = self._standing()
        digests = {key: digest for key, (_pk, digest, _address) in self.before.items()}
        difference = _difference(digests, reading.entries, reading.kept)
        if not known:
            self._check_size(len(reading.entries) + difference.kept, len(digests), expect_fewer)
        urls = dict.fromkeys(entry.url for entry in reading.entries.values() if entry.url)
        unknown, new = _unknown([*urls])
        return Report(
            list=self.list,
            taken_on=self.taken_on,
            sha256=self.sha256,
            previous=self.previous,
            known=known,
            snapshot=None,
            reading=reading,
            difference=difference,
            names=len(urls),
            registered=len(urls) - len(unknown),
            candidates=len(new),
            examples={
                "added": self._examples(difference.added, reading.entries),
                "changed": self._examples(difference.changed, reading.entries),
                "removed": self._examples(difference.removed, {}),
            },
        )

    def _known(self) -> Snapshot | None:
        """The snapshot that these bytes were taken as. A file without a day of its own confirms no later day."""
        taken = Snapshot.objects.of(self.list).filter(sha256=self.sha256)
        return (taken.filter(taken_on=self.taken_on) if self.document.dated else taken).first()

    def _read(self) -> Reading:
        try:
            return read(self.document.data, of_state_register if self.is_register else of_list)
        except Unreadable as error:
            raise NotTaken(str(error)) from error

    def _check_day(self) -> None:
        if self.document.taken_on > timezone.localdate(self.at):
            raise NotTaken(f"{self.taken_on} has not come yet: say the day on which the list was seen so")
        if self.previous and self.taken_on < self.previous.taken_on:
            raise NotTaken(
                f"it is of {self.taken_on}, and a snapshot of {self.previous.taken_on} is recorded already: "
                "a history is written forwards, so an older one cannot be put before it"
            )

    def _check_size(self, entries: int, before: int, expect_fewer: bool) -> None:
        if expect_fewer:
            return
        if not entries:
            raise NotTaken("it has no entry that can be read; say --expect-fewer if the list is empty now")
        if entries < FEWEST * before:
            raise NotTaken(
                f"it has {entries} entries, and the one before had {before}: this looks like a broken download. "
                "Say --expect-fewer if so many were removed"
            )

    def _standing(self) -> dict[str, tuple[int, str, str]]:
        """What the newest snapshot says."""
        if self.is_register:
            rows = Listing.objects.filter(first__isnull=False, gone=None).order_by("pk")
            columns = rows.values_list("register_id", "pk", "digest", "address")
            return {key: (pk, digest, address) for key, pk, digest, address in columns}
        if self.previous is None:
            return {}
        entries = read(self.previous.file.data, of_list).entries
        return {key: (0, entry.digest, entry.address) for key, entry in entries.items()}

    def _examples(self, keys: Sequence[str], entries: Mapping[str, Entry]) -> tuple[str, ...]:
        return tuple(entries[key].address if key in entries else self.before[key][2] for key in keys[:EXAMPLES])

    def record(self, report: Report, *, by: str) -> Report:
        reading, difference = report.reading, report.difference
        snapshot = self._snapshot(reading, difference)
        if self.is_register:
            self._listings(snapshot, reading, difference)
        Candidate.objects.link()
        fresh = [reading.entries[key] for key in (*difference.added, *difference.changed)]
        self._candidates(snapshot, [entry for entry in fresh if entry.url])
        self._gone(snapshot, reading, difference)
        if self.is_register:  # of other lists nothing is public
            log.append("import", snapshot, after=_public(snapshot), reason="snapshot", by=by, at=self.at)
        return replace(report, snapshot=snapshot)

    def _snapshot(self, reading: Reading, difference: Difference) -> Snapshot:
        source, _made = Source.objects.get_or_create(
            url=self.document.url, title=self.document.title, date=self.taken_on
        )
        packed = gzip.compress(self.document.data, PACKING, mtime=0)
        file, _made = SnapshotFile.objects.get_or_create(sha256=self.sha256, defaults={"packed": packed})
        return Snapshot.objects.create(
            list=self.list,
            taken_on=self.taken_on,
            previous=self.previous,
            source=source,
            sha256=self.sha256,
            size=len(self.document.data),
            file=file,
            read=reading.read,
            added=len(difference.added),
            removed=len(difference.removed),
            changed=len(difference.changed),
            unchanged=difference.unchanged,
            refused=len(reading.refused),
            recorded_at=self.at,
        )

    def _listings(self, snapshot: Snapshot, reading: Reading, difference: Difference) -> None:
        """End the versions that stand no longer, then write those that are new. An unchanged entry is not touched."""
        ended = [self.before[key][0] for key in (*difference.removed, *difference.changed)]
        for pks in _chunks(ended):
            Listing.objects.filter(pk__in=pks).update(last=self.previous, gone=snapshot)
        for keys in _chunks((*difference.added, *difference.changed)):
            Listing.objects.bulk_create([self._listing(reading.entries[key], snapshot) for key in keys])
        Listing.objects.link()

    def _listing(self, entry: Entry, snapshot: Snapshot) -> Listing:
        return Listing(
            register_id=entry.key,
            title=entry.title,
            address=entry.address,
            url=entry.url,
            domain=entry.domain,
            category=entry.category,
            court=entry.court,
            act_ref=entry.act_ref,
            act_date=entry.act_date,
            extra=dict(entry.extra),
            digest=entry.digest,
            snapshot=self.taken_on,
            source_id=snapshot.source_id,
            first=snapshot,
            previous_id=self.before[entry.key][0] if entry.key in self.before else None,
        )

    def _candidates(self, snapshot: Snapshot, entries: Sequence[Entry]) -> None:
        """Names that stand for no resource wait for an editor, with every list that has them."""
        for chunk in _chunks(entries):
            named = {entry.url: entry for entry in chunk}
            unknown, new = _unknown([*named])
            Candidate.objects.bulk_create(
                [Candidate(url=url, host=named[url].host) for url in new], ignore_conflicts=True
            )
            ids = Candidate.objects.filter(url__in=unknown).values_list("pk", "url")
            Mention.objects.bulk_create(
                [
                    Mention(
                        candidate_id=pk,
                        list=self.list,
                        category=named[url].category,
                        note=named[url].note,
                        first=snapshot,
                    )
                    for pk, url in ids
                ],
                update_conflicts=True,
                unique_fields=["candidate", "list"],
                update_fields=["category", "note", "gone"],
            )

    def _gone(self, snapshot: Snapshot, reading: Reading, difference: Difference) -> None:
        """Names that the list had and has no longer."""
        if self.is_register:
            ended = Listing.objects.filter(gone=snapshot).exclude(url="")
            still = Listing.objects.filter(first__isnull=False, gone=None).exclude(url="")
            urls = set(ended.values_list("url", flat=True))
            for chunk in _chunks(sorted(urls)):
                urls -= set(still.filter(url__in=chunk).values_list("url", flat=True))
        else:
            urls = set(difference.removed)
        for chunk in _chunks(sorted(urls)):
            Mention.objects.filter(list=self.list, gone=None, candidate__url__in=chunk).update(gone=snapshot)


def _unknown(urls: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of these addresses those that stand for no resource, and of those the ones that are no candidate either."""
    unknown: list[str] = []
    new: list[str] = []
    for chunk in _chunks(urls):
        known = set(Coverage.objects.filter(target__url__in=chunk).values_list("target__url", flat=True))
        waiting = set(Candidate.objects.filter(url__in=chunk).values_list("url", flat=True))
        unknown += [url for url in chunk if url not in known]
        new += [url for url in chunk if url not in known and url not in waiting]
    return unknown, new


def _public(snapshot: Snapshot) -> dict[str, Any]:
    names = ("list", "taken_on", "sha256", "size", "read", "added", "removed", "changed", "unchanged", "refused")
    return {name: getattr(snapshot, name) for name in names}


def _chunks(rows: Collection[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk
