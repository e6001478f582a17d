"""OONI's web_connectivity measurements as evidence: rows like our own, marked as theirs (docs/decisions/0005-….md).

A vantage stands for OONI's probes in one network, another for their test helpers, whose measurement is the control of
exactly the one it came with. A run is one report of theirs. Ids follow from what a measurement is, so that taking it
again, from whatever file, changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from checks import counting, judging, packing
from checks.engine import names, records
from checks.models import Import, Measurement, Network, Plan, Recount, Round, Run, Target, Vantage, Verdict
from checks.vantages import RESERVED
from checks.verdict import archives, ooni
from checks.verdict.facts import Setting

BATCH = 200  # measurements in one transaction
BATCH_BYTES = 16 * 1024 * 1024  # or so many bytes of bodies: a page may have a megabyte
PLAN = "ooni"  # never due: it says whose runs these are
HELPER = f"{RESERVED}test-helper"
HELPER_ASN = 0  # of no network (RFC 7607): the helpers are in many
FIRST = datetime(2012, 12, 1, tzinfo=UTC)  # OONI measured nothing before
SKEW = timedelta(hours=24)  # that a probe's clock may be ahead of ours
REASONS = 40  # different ones that a manifest lists
EXAMPLES = 20  # refused measurements that it names
LICENCE = "CC BY-NC-SA 4.0"


class Refused(ValueError):
    """A measurement that is not taken; the message says why, alike for all of a kind."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is kept with an imported measurement besides its record, as JSON."""

    report: str  # OONI's id of the report: with `input` it leads to the measurement in OONI Explorer
    input: str  # as it stood there
    control: str | None  # id of the test helper's measurement
    setting: dict[str, Any]  # of checks.verdict.facts.Setting: judging again comes to the same


@dataclass(frozen=True, slots=True)
class _Taken:
    """One measurement that fits, and where it belongs."""

    id: UUID
    asn: int
    network: str
    country: str
    report: str
    slot: datetime
    target: names.Name
    found: ooni.Import

    @property
    def size(self) -> int:
        return sum(len(exchange.body or "") for exchange in self.found.measurement.exchanges)


def begin(path: Path, *, at: datetime) -> Import:
    return Import.objects.create(file=archives.said(path.name), began_at=at)


def take(path: Path, manifest: Import, *, countries: frozenset[str] | None, at: datetime) -> Iterator[int]:
    """Take what one file holds, a batch and a transaction at a time; after each, how many bytes of it were read.
    Stop it wherever you like: what was taken is known when it is taken again.

    Cells are not counted here: each waits as a Recount. `countries` are probe_cc; None takes all.
    """
    try:
        with path.open("rb") as file:
            manifest.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            batch: list[_Taken] = []
            size = 0
            for one in archives.documents(file, path.name):
                try:
                    if one.error:
                        manifest.whole = False
                        raise Refused(one.error)
                    batch.append(_fitting(one.document, countries, at))
                    size += batch[-1].size
                except Refused as error:
                    _refuse(manifest, one.place, str(error))
                if len(batch) >= BATCH or size > BATCH_BYTES:
                    _store(batch, manifest, at)
                    yield file.tell()
                    batch, size = [], 0
            _store(batch, manifest, at)
    except OSError as error:
        manifest.whole = False
        _refuse(manifest, manifest.file, archives.in_words(error))
    manifest.ended_at = timezone.now()
    manifest.save()


def _refuse(manifest: Import, place: str, reason: str) -> None:
    reason = archives.said(reason)
    if reason not in manifest.refused and len(manifest.refused) >= REASONS:
        reason = "for other reasons"
    manifest.refused[reason] = manifest.refused.get(reason, 0) + 1
    if len(manifest.examples) < EXAMPLES:
        manifest.examples.append([place, reason])


# --- what fits ----------------------------------------------------------------------------------------


def _fitting(document: Any, countries: frozenset[str] | None, at: datetime) -> _Taken:
    """Raises Refused."""
    if not ooni.is_ooni(document):
        raise Refused("this is no measurement of OONI")
    if document.get("test_name", ooni.TESTS[0]) != ooni.TESTS[0]:
        own = document.get("test_name") == ooni.TESTS[1]
        raise Refused("this is a measurement of our own" if own else "another test than web_connectivity")
    country = _text(document.get("probe_cc"))
    if countries is not None and country not in countries:
        raise Refused(f"from another country than {', '.join(sorted(countries))}")
    try:
        found = ooni.read(document)
        target = names.parse(found.measurement.url)
        # Report and input would name a measurement of OONI's; one that was never sent to OONI has no report.
        seen = json.dumps(document["test_keys"], sort_keys=True)
    except ValueError as error:  # BadName among them
        raise Refused(f"nothing to judge: {error}") from error
    except RecursionError:
        raise Refused("nothing to judge: it is nested too deeply") from None
    started = datetime.fromisoformat(found.measurement.started)
    if not _is_asn(found.asn):
        raise Refused("it does not say in which network it was made")
    if not FIRST <= started <= at + SKEW:
        raise Refused("it says that it was made when it cannot have been")
    report = _text(document.get("report_id"))
    what = (report, found.input, found.measurement.started, str(found.asn), seen)
    return _Taken(
        id=_id(started, *what),
        asn=found.asn or 0,
        network=_text(document.get("probe_network_name")),
        country=country if len(country) == 2 else "",
        report=report,
        slot=_begun(document.get("test_start_time"), started),
        target=target,
        found=found,
    )


def _id(started: datetime, *what: str) -> UUID:
    """Laid out as a UUIDv7, so that it sorts by time, but drawn from what the measurement is."""
    milliseconds = int(started.timestamp() * 1000) & (2**48 - 1)
    drawn = int.from_bytes(hashlib.sha256("\n".join(what).encode("utf-8", "surrogatepass")).digest()[:10])
    number = milliseconds << 80 | drawn
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def _text(value: Any) -> str:
    """What a database takes as a text: no zero byte, no half of a character."""
    return "".join(c for c in value if c.isprintable())[:2048] if isinstance(value, str) else ""


def _begun(value: Any, started: datetime) -> datetime:
    """When the report began; all its measurements say the same."""
    try:
        begun = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return started
    return begun if FIRST <= begun <= started + SKEW else started


# --- what is stored -----------------------------------------------------------------------------------


@transaction.atomic
def _store(batch: Sequence[_Taken], manifest: Import, at: datetime) -> None:
    distinct = {taken.id: taken for taken in batch}
    stored = set(Measurement.objects.filter(pk__in=distinct).values_list("pk", flat=True))
    new = [taken for pk, taken in distinct.items() if pk not in stored]
    if new:
        _store_new(new, at)
    manifest.taken += len(new)
    manifest.known += len(batch) - len(new)
    manifest.save()


def _store_new(new: Sequence[_Taken], at: datetime) -> None:
    helper = _helper()
    vantages = {asn: _vantage(asn, new) for asn in {taken.asn for taken in new}}
    targets = _targets({taken.target for taken in new})
    plan, _ = Plan.objects.get_or_create(
        name=PLAN, defaults={"period": counting.DEFAULT_PERIOD, "due_at": at, "enabled": False}
    )
    by_report: dict[tuple[int, datetime, int], list[_Taken]] = {}
    for taken in new:
        by_report.setdefault((taken.asn, taken.slot, _number(taken.report)), []).append(taken)
    probes, controls = [], []
    for (asn, slot, number), report in sorted(by_report.items()):
        vantage = vantages[asn]
        round_, _ = Round.objects.get_or_create(plan=plan, vantage=vantage, slot=slot, batch=number)
        run = _run(round_, vantage, [targets[taken.target.url].pk for taken in report], at)
        helped = [taken for taken in report if taken.found.controls]
        asked = _run(round_, helper, [targets[taken.target.url].pk for taken in helped], at) if helped else None
        for taken in report:
            target, [*control] = targets[taken.target.url], taken.found.controls
            pk = _id(_started(control[0]), str(taken.id), "control") if control else None
            probes.append(_row(taken.id, taken.found.measurement, run, target, _origin(taken, pk)))
            if pk and asked:
                origin = {**_origin(taken, None), "setting": {}}
                controls.append(_row(pk, control[0], asked, target, origin))
    Measurement.objects.bulk_create([*controls, *probes], ignore_conflicts=True)
    verdicts = judging.verdicts(probes, judging.rulesets(at=at))
    Verdict.objects.bulk_create(verdicts, ignore_conflicts=True)
    Recount.objects.ask(((row.target_id, row.network_id) for row in probes), at=at)


def _helper() -> Vantage:
    network, _ = Network.objects.get_or_create(
        asn=HELPER_ASN, defaults={"name": "OONI test helpers", "kind": Network.Kind.HOSTING}
    )
    return _imported(HELPER, network, Vantage.Role.CONTROL)


def _vantage(asn: int, new: Iterable[_Taken]) -> Vantage:
    """OONI's probes in one network. One that the country pack does not have is not counted in "N of M networks"."""
    network = Network.objects.filter(asn=asn).first()
    if network is None:
        first = next(taken for taken in new if taken.asn == asn)
        known = {"name": first.network[:200] or f"AS{asn}", "kind": Network.Kind.OTHER, "country": first.country}
        network, _ = Network.objects.get_or_create(asn=asn, defaults=known)
    return _imported(f"{RESERVED}as{asn}", network, Vantage.Role.ACCESS)


def _imported(name: str, network: Network, role: Vantage.Role) -> Vantage:
    marked = {"network": network, "role": role, "state": Vantage.State.IMPORTED}
    return Vantage.objects.get_or_create(name=name, source=Vantage.Source.OONI, defaults=marked)[0]


def _targets(wanted: Iterable[names.Name]) -> dict[str, Target]:
    hosts = {name.url: name.host for name in wanted}
    known = {target.url: target for target in Target.objects.filter(url__in=hosts)}
    missing = [Target(url=url, host=host) for url, host in sorted(hosts.items()) if url not in known]
    if not missing:
        return known
    Target.objects.bulk_create(missing, ignore_conflicts=True)
    return {target.url: target for target in Target.objects.filter(url__in=hosts)}


def _number(report: str) -> int:
    """Two reports of one network may begin in the same second."""
    return int.from_bytes(hashlib.sha256(report.encode()).digest()[:4]) >> 1


def _run(round_: Round, vantage: Vantage, targets: Iterable[int], at: datetime) -> Run:
    made = {
        "targets": [],
        "state": Run.State.RECORDED,
        "due_at": round_.slot,
        "recorded_at": at,
        "judged_at": at,
        "attempt": 1,
    }
    Run.objects.get_or_create(round=round_, vantage=vantage, defaults=made)
    run = Run.objects.select_for_update().select_related("vantage", "round").get(round=round_, vantage=vantage)
    if more := sorted(set(targets) - set(run.targets)):
        run.targets = [*run.targets, *more]
        run.save(update_fields=["targets"])
    return run


def _origin(taken: _Taken, control: UUID | None) -> dict[str, Any]:
    setting = asdict(_kept(taken.found.setting))
    return asdict(Origin(taken.report, _text(taken.found.input), str(control) if control else None, setting))


def _kept(setting: Setting) -> Setting:
    """What is known of addresses; a file may have anything in their place."""
    networks = {address: asn for address, asn in setting.networks.items() if _is_address(address) and _is_asn(asn)}
    return replace(setting, networks=networks)


def _is_asn(number: int | None) -> bool:
    return number is not None and 0 < number < 2**32


def _is_address(text: str) -> bool:
    try:
        return str(ip_address(text)) == text
    except ValueError:
        return False


def _row(pk: UUID, record: records.Measurement, run: Run, target: Target, origin: dict[str, Any]) -> Measurement:
    return Measurement(
        id=pk,
        run=run,
        attempt=1,
        target=target,
        vantage=run.vantage,
        network_id=run.vantage.network_id,
        control=run.vantage.role == Vantage.Role.CONTROL,
        started_at=_started(record),
        failure=(record.failure or "")[:200],
        imitated=False,
        document=packing.pack(replace(record, id=str(pk))),
        origin=origin,
    )


def _started(record: records.Measurement) -> datetime:
    return datetime.fromisoformat(record.started)


def summed(manifests: Iterable[Import]) -> tuple[int, int, Counter[str]]:
    """Taken, known before, and refused by reason, of several files."""
    taken, known, refused = 0, 0, Counter[str]()
    for manifest in manifests:
        taken, known = taken + manifest.taken, known + manifest.known
        refused.update(manifest.refused)
    return taken, known, refused
