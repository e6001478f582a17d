"""The files of a pack and the archive that they are sent in. The same data on the same day make the same bytes.

What the API tells of the record its door gives, as it tells it; records of visits come whole.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from checks import archived
from checks.engine.records import BY_DOH, Certificate
from checks.engine.records import Measurement as Record
from checks.models import Measurement
from checks.verdict import published
from registry import log
from registry.evidence.gathering import ENTRIES, EPISODES, WITNESSES, Evidence, Witness, page
from registry.veil import Veil

Draw = Callable[[dict[str, Any]], str]  # the page from what it tells: its addresses are the door's

AT_ONCE = 20  # records in memory
LANGUAGES = ("kk", "ru", "en")
METHOD = settings.BASE_DIR / "docs" / "method.md"
STYLE = Path(__file__).resolve().parent.parent / "static" / "registry" / "evidence.css"
READABLE = 0o644 << 16  # the mode of a file in an archive

IN_WORDS = ("sha256", "subject", "issuer", "not_before", "not_after")  # of a certificate, beside itself

# Why the record of a witness is not in the pack.
GONE = "it is not stored any more"
NOT_SHOWN = "it would give an address away"


@dataclass(frozen=True)
class Sum:
    name: str
    sha256: str


@dataclass(frozen=True)
class File:
    name: str
    content: bytes

    @property
    def sum(self) -> Sum:
        return Sum(self.name, _sha256(self.content))


@dataclass(frozen=True)
class Pack:
    found: Evidence
    language: str  # of the page
    veil: Veil  # what nothing in it may name
    draw: Draw
    written: tuple[File, ...]
    measurements: QuerySet[Any]
    gone: Mapping[UUID, Any]  # from the archive
    left_out: Mapping[UUID, str]  # witnesses whose record is not in it, and why

    @property
    def name(self) -> str:
        """By number: the name of a resource need not be shown, nor fit into the name of a file."""
        return f"tizilim-{self.found.resource.pk}-{self.found.day.isoformat()}"

    @property
    def tag(self) -> str:
        """The same where the same bytes would be sent: records never change, only whether they may be shown."""
        parts = [f"{one.name} {one.sha256}" for one in (file.sum for file in (*self.written, *self._page(())))]
        parts += [f"{one.id} {self.left_out.get(one.id, '')}" for one in self.found.witnesses]
        veil = self.veil
        names = (veil.sites, veil.phrases, veil.words, veil.hidden, *veil.pages.values(), veil.pages)
        return _sha256("\n".join([*parts, *(" ".join(sorted(many)) for many in names)]).encode())

    def files(self) -> Iterator[File]:
        """The page comes last, since on paper it names every file before it with its hash."""
        sums: list[Sum] = []
        for many in (self.written, self._measured(), self._page(sums)):
            for one in many:
                sums.append(one.sum)
                yield one
        yield File("SHA256SUMS", "".join(f"{one.sha256}  {one.name}\n" for one in sums).encode())

    def _page(self, sums: Sequence[Sum]) -> Iterator[File]:
        with translation.override(self.language):
            style = STYLE.read_text(encoding="utf-8")
            text = self.draw(page(self.found) | {"files": tuple(sums), "style": style, "language": self.language})
        yield File("page.html", self.veil.black(text, markup=True).encode())

    def _measured(self) -> Iterator[File]:
        """Each record with its controls, then the chains of certificates in it, and what stands where."""
        index: list[dict[str, Any]] = []
        chains = Chains()
        for witness, row, controls in self._rows():
            line = {"id": str(witness.id), "network": witness.network.asn, "decides": witness.decides}
            why = self.left_out.get(witness.id, GONE if row is None else "")
            if row is None or why:
                index.append(line | {"left_out": why})
                continue
            file = _measurement(row, controls)
            if self.veil.names(file.content.decode()):  # a record comes whole, or not at all
                index.append(line | {"left_out": NOT_SHOWN})
                continue
            index.append(line | {"file": file.name, "records": [_record_sum(one) for one in (row, *controls)]})
            yield file
            for one in (row, *controls):
                yield from chains.new_in(one.whole)
        yield _json("measurements.json", {"beyond_the_limit": self.found.passed_over, "measurements": index})
        yield _json("certificates.json", {"chains": list(chains.told.values()), "seen": chains.seen})

    def _rows(self) -> Iterator[tuple[Witness, Measurement | None, list[Measurement]]]:
        """The witnesses with their controls, some at a time."""
        controls_of = {one.measurement: one.controls for one in self.found.verdicts}
        for witness in self.found.witnesses:
            if witness.verdict:
                controls_of[witness.id] = witness.verdict.controls
        for begin in range(0, len(self.found.witnesses), AT_ONCE):
            some = self.found.witnesses[begin : begin + AT_ONCE]
            wanted = {one.id for one in some if one.id not in self.left_out}
            rows = dict(self.gone) | self.measurements.in_bulk(wanted)
            wanted = {UUID(pk) for one in wanted for pk in controls_of.get(one, ())}
            stored = Measurement.objects.select_related("network", "vantage")
            beside = {str(pk): row for pk, row in archived.wherever(wanted, stored).items()}
            Measurement.complete([*rows.values(), *beside.values()])
            for one in some:
                yield one, rows.get(one.id), [beside[pk] for pk in controls_of.get(one.id, ()) if pk in beside]


def pack(
    found: Evidence,
    told: Mapping[str, Any],
    measurements: QuerySet[Any],
    gone: Mapping[UUID, Any],
    language: str,
    veil: Veil,
    draw: Draw,
) -> Pack:
    """`told` is what the API says: the `resource`, and rows of tables by name. Read measurements `with_display`; those
    that are `gone` from their table have it too.
    """
    stored = measurements.filter(pk__in=[one.id for one in found.witnesses])
    hidden = {pk: one or other for pk, one, other in stored.values_list("pk", "withheld", "domain_only")}
    hidden |= {pk: row.withheld or row.domain_only for pk, row in gone.items()}
    left_out = {}
    for witness in found.witnesses:
        if not found.shown_in_full or hidden.get(witness.id, False):
            left_out[witness.id] = NOT_SHOWN
        elif witness.id not in hidden:
            left_out[witness.id] = GONE
    written = tuple(_veiled(file, veil) for file in _written(found, told, veil))
    return Pack(found, language, veil, draw, written, stored.select_related("network", "vantage"), gone, left_out)


def _veiled(file: File, veil: Veil) -> File:
    """No door reads what is inside of an archive once more, so it is read here: line by line, as theirs is."""
    text = file.content.decode()
    if not veil.names(text):
        return file
    return File(file.name, "\n".join(veil.black(line) for line in text.split("\n")).encode())


def _written(found: Evidence, told: Mapping[str, Any], veil: Veil) -> Iterator[File]:
    limits = {"witnesses": WITNESSES, "episodes": EPISODES, "entries": ENTRIES}
    for language in LANGUAGES:
        with translation.override(language):
            text = render_to_string(f"registry/evidence/README.{language}.txt", page(found) | {"limits": limits})
        yield File(f"README.{language}.txt", text.encode())
    yield _json("record.json", _record(found, told))
    for act in told["acts"]:
        key = act["key"] or f"no-{act['id']}"  # a key that spells a withheld name is not told
        yield _json(f"acts/{key}.json", act)
        if act["text"]:
            yield File(f"acts/{key}.{act['language']}.txt", act["text"].encode())
    for table in ("statements", "episodes", "verdicts"):
        yield _json(f"{table}.json", told[table])
    lines = (json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in log.told(found.entries, veil))
    yield File("history.jsonl", "".join(f"{line}\n" for line in lines).encode())
    yield File("method.md", METHOD.read_bytes())
    for ruleset in found.rulesets:
        yield File(f"rules/{ruleset}.md", published.in_full(ruleset).encode())


def _record(found: Evidence, told: Mapping[str, Any]) -> dict[str, Any]:
    """What no other file of the pack has."""
    sentences = {}
    for language in LANGUAGES:
        with translation.override(language):
            sentences[language] = found.status.sentence()
    tables = {
        name: told[name] for name in ("listings", "appeals", "documents", "notices", "errata", "requests", "events")
    }
    resource = {name: value for name, value in told["resource"].items() if name not in ("acts", "statements")}
    return {
        "as_of": found.day.isoformat(),
        "newest": f"{settings.SITE_URL}{reverse('resources-detail', args=[found.resource.pk])}",
        "sentences": sentences,
        "resource": resource,
        **tables,
        "authorities": told["authorities"],
    }


def _measurement(row: Measurement, controls: Sequence[Measurement]) -> File:
    """As the API gives one, each record on a line of its own: `python -m checks.verdict` reads it."""
    about = {
        "id": str(row.pk),
        "network": row.network.asn,
        "vantage": row.vantage.name,
        "source": row.vantage.source,
        "started_at": row.started_at,
        "imitated": row.imitated,
        "setting": (row.origin or {}).get("setting"),
    }
    head = json.dumps(about, ensure_ascii=False, cls=DjangoJSONEncoder).encode().removesuffix(b"}")
    beside = b",\n".join(_stored(one) for one in controls)
    content = b'%s, "record":\n%s,\n"controls": [\n%s\n]}\n' % (head, _stored(row), beside)
    return File(f"measurements/{row.pk}.json", content)


def _stored(row: Measurement) -> bytes:
    return row.whole.as_bytes()


def _record_sum(row: Measurement) -> dict[str, Any]:
    return {"id": str(row.pk), "control": row.control, "sha256": _sha256(_stored(row))}


class Chains:
    """The chains of certificates in the records of a pack, each once, and where each was seen."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, ...], dict[str, Any]] = {}
        self.seen: list[dict[str, Any]] = []

    def new_in(self, record: Record) -> Iterator[File]:
        for one in record.handshakes:
            if not one.chain or one.purpose == BY_DOH:
                continue
            key = tuple(certificate.sha256 for certificate in one.chain)
            if key not in self.told:
                file = _pem(one.chain)
                certificates = [{name: getattr(each, name) for name in IN_WORDS} for each in one.chain]
                self.told[key] = {
                    "chain": len(self.told) + 1,
                    "file": file.name if file else None,
                    "certificates": certificates,
                }
                if file:
                    yield file
            where = {name: getattr(one, name) for name in ("address", "server_name", "purpose", "failure")}
            self.seen.append({"chain": self.told[key]["chain"], "measurement": record.id, **where})


def _pem(chain: Sequence[Certificate]) -> File | None:
    """A chain in the order in which it was sent. None: it is not kept, or is none."""
    try:
        ders = [base64.b64decode(one.der, validate=True) for one in chain]
    except ValueError:
        return None
    content = "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders)
    return File(f"certificates/{_sha256(content.encode())[:16]}.pem", content.encode()) if all(ders) else None


def _json(name: str, content: Any) -> File:
    return File(name, json.dumps(content, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder).encode() + b"\n")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- the archive


class _Outbox:
    """What an archive is written to, and taken from piece by piece. It cannot be sought, so nothing is kept."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def zipped(files: Iterable[File], folder: str) -> Iterator[bytes]:
    """One file after the other, in one folder. Their times are those of no clock."""
    outbox = _Outbox()
    with ZipFile(outbox, "w") as archive:  # type: ignore[call-overload]  # it writes and flushes: more is not asked
        for file in files:
            entry = ZipInfo(f"{folder}/{file.name}")  # of 1980, the first year of such an archive
            entry.compress_type, entry.external_attr, entry.create_system = ZIP_DEFLATED, READABLE, 3
            archive.writestr(entry, file.content)
            yield outbox.take()
    yield outbox.take()
