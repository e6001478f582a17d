"""Rows for the tests. Every argument has a plausible default; a test names only what it is about."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from checks import packing
from checks.engine import names
from checks.engine.records import Measurement as Record
from checks.models import (
    Archive,
    Cell,
    Certificate,
    Episode,
    Measurement,
    Network,
    Plan,
    Round,
    Run,
    State,
    Target,
    Vantage,
    Verdict,
    Wave,
)
from checks.verdict.rules import RULESET
from registry import log, problem_reports, proposals
from registry.models import (
    STATE_REGISTER,
    Act,
    ActRole,
    Alarm,
    Appeal,
    Authority,
    Category,
    Deadline,
    Display,
    Document,
    Erratum,
    Event,
    Ground,
    Hiding,
    Holiday,
    InformationRequest,
    Listing,
    Notice,
    OfficialFigure,
    ProblemReport,
    Proposal,
    RequestStep,
    Resource,
    Restriction,
    Snapshot,
    Source,
    Statement,
)
from registry.registers import importing

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FREE = (Resource.Type.APP, Resource.Type.SERVICE, Resource.Type.NETWORK)

_number = count(1)


def target(text: str = "orda.kz", **fields: Any) -> Target:
    name = names.parse(text)
    return Target.objects.get_or_create(url=name.url, defaults={"host": name.host, **fields})[0]


def resource(text: str = "orda.kz", *, type: str = "", **fields: Any) -> Resource:
    """A resource; of a domain or a page its canonical target stands for it."""
    name = text if type in FREE else names.parse(text)
    made, _ = Resource.objects.get_or_create_for(name, type)
    if "display" in fields:
        fields["own_display"] = fields["display"]
    for field, value in fields.items():
        setattr(made, field, value)
    made.save()
    return made


def category(code: str = "NEWS", display: str = Display.FULL, **fields: Any) -> Category:
    names_in = {f"name_{language}": code for language in ("kk", "ru", "en")}
    return Category.objects.update_or_create(code=code, defaults={**names_in, "display": display, **fields})[0]


def ground(code: str = "fraud", display: str = Display.FULL, **fields: Any) -> Ground:
    names_in = {f"name_{language}": code for language in ("kk", "ru", "en")}
    return Ground.objects.update_or_create(code=code, defaults={**names_in, "display": display, **fields})[0]


def source(title: str = "Orda.kz", day: str = "2026-01-05", url: str = "") -> Source:
    return Source.objects.get_or_create(url=url, title=title, date=day)[0]


def authority(code: str = "mki", name: str = "Ministry of Culture and Information", **fields: Any) -> Authority:
    names_in = {f"name_{language}": name for language in ("kk", "ru", "en")}
    return Authority.objects.get_or_create(code=code, defaults={**names_in, **fields})[0]


def act(number: str = "2-1204", *, by: Authority | None = None, **fields: Any) -> Act:
    fields = {"key": f"act-{next(_number)}", "type": Act.Type.COURT_DECISION, "date": "2026-01-04", **fields}
    made = Act.objects.create(number=number, **fields)
    if by is not None:
        ActRole.objects.create(act=made, authority=by, role=ActRole.Role.DECIDED)
    return made


def restriction(of: Resource, *acts: Act, **fields: Any) -> Restriction:
    if fields.get("kind", "unknown") != "unknown":
        fields.setdefault("kind_reason", "the source says so")
    made = Restriction.objects.create(resource=of, **{"began": "2026-01-04", **fields})
    made.acts.set(acts)
    return made


def statement(
    about: Restriction | Event, *, speaker: str = "the ministry", stance: str = "denies", **fields: Any
) -> Statement:
    fields = {"source": source(), "key": f"statement-{next(_number)}", **fields}
    about_one = {"event": about} if isinstance(about, Event) else {"restriction": about}
    return Statement.objects.create(**about_one, speaker=speaker, stance=stance, **fields)


def event(key: str = "2022-01-shutdown", name: str = "Shutdown of January", **fields: Any) -> Event:
    names_in = {f"name_{language}": name for language in ("kk", "ru", "en")}
    fields = {"type": Event.Type.SHUTDOWN, "began": "2022-01-05", "fact": "Networks fell silent.", **fields}
    return Event.objects.create(key=key, **names_in, **fields)


def appeal(against: Act, outcome: str = "upheld", **fields: Any) -> Appeal:
    fields = {"key": f"appeal-{next(_number)}", "stage": Appeal.Stage.APPEAL, **fields}
    return Appeal.objects.create(act=against, outcome=outcome, **fields)


def document(title: str = "The order", **fields: Any) -> Document:
    fields = {"key": f"document-{next(_number)}", "url": "https://papers.example.org/order.pdf", **fields}
    return Document.objects.create(title=title, **{"language": "ru", **fields})


def notice(about: str = "TikTok", **fields: Any) -> Notice:
    fields = {"type": Notice.Type.THREAT, "date": "2024-04", "fact": "A minister spoke of it.", **fields}
    fields = {"key": f"notice-{next(_number)}", "source": source(), **fields}
    return Notice.objects.create(about=about, **fields)


def figure(value: int = 94, **fields: Any) -> OfficialFigure:
    counts = {f"counts_{language}": "sites blocked by court" for language in ("kk", "ru", "en")}
    fields = {"unit": OfficialFigure.Unit.RESOURCES, "period_from": "2026-01", "period_to": "2026-07", **fields}
    fields = {"key": f"figure-{next(_number)}", "source": source(), **counts, **fields}
    return OfficialFigure.objects.create(value=value, **fields)


def erratum(about: Any = None, **fields: Any) -> Erratum:
    """An erratum about a record, as a whole text in English; the log need not know the record."""
    subject = log.subject_of(about) if about else ""
    told = {"wrong_en": "The date was that of the letter.", "righted_en": "It is the date of the order now."}
    return Erratum.objects.create(subject=subject, **{"righted_on": "2026-02-03", **told, **fields})


def problem(about: Any = None, kind: str = "wrong", **fields: Any) -> ProblemReport:
    on = problem_reports.About(subject=log.subject_of(about) if about else "", page=fields.pop("page", ""))
    return problem_reports.receive(on, kind, **{"text": "It began a year earlier.", "at": AT, **fields}).problem


def withdrawn(record: Any, why: str = "It was of another site.", on: str = "2026-02-03") -> Any:
    """The same record, taken back."""
    type(record).objects.filter(pk=record.pk).update(withdrawn=why, withdrawn_on=on)
    record.refresh_from_db()
    return record


def listing(of: Resource, **fields: Any) -> Listing:
    fields = {"register_id": str(next(_number)), "address": of.name, "snapshot": "2026-02-01", **fields}
    return Listing.objects.create(resource=of, source=source(), **fields)


def entry(id: Any, address: str, **fields: Any) -> dict[str, Any]:
    """A row of the state register as gov.kz writes it: an order, so no court beside its date."""
    return {
        "id": id,
        "name": address,
        "urladdress": address,
        "categoryname": "Law on Communications, art. 41-1",
        "courtname": None,
        "courtdate": "27.11.2024",
        "documentnumber": "25-1-1-25/2057",
        **fields,
    }


def archive(month: date, **options: Any) -> Archive:
    """A month that left, without its file."""
    told = {"file": "x", "rows": 0, "bytes": 0, "sha256": "", "proof": "", "written_at": AT, "dropped_at": AT}
    return Archive.objects.create(month=month, **told | options)


def snapshot(*entries: dict[str, Any], on: str = "2025-03-17", list: str = STATE_REGISTER, **options: Any) -> Snapshot:
    """The state register as it was on a day, recorded; of another list, names that it has."""
    document = importing.Document(json.dumps(entries).encode(), date.fromisoformat(on), title=list)
    report = importing.take(document, list=list, at=AT, by=f"import:{list}", **options)
    assert report.snapshot
    return report.snapshot


def deadline(
    length: int = 15, unit: str = "working_day", procedure: str = "request", step: str = "reply", **fields: Any
) -> Deadline:
    """A period of the law; without more words the time to reply to a request."""
    names = {f"name_{language}": "Reply to a request" for language in ("kk", "ru", "en")}
    articles = {f"article_{language}": "Code, art. 76" for language in ("kk", "ru", "en")}
    fields = {"starts_with": "received", "source": source(), **names, **articles, **fields}
    key = f"deadline-{next(_number)}"
    return Deadline.objects.create(key=key, procedure=procedure, step=step, length=length, unit=unit, **fields)


def holiday(on: str, kind: str = "off", name: str = "A holiday") -> Holiday:
    names = {f"name_{language}": name for language in ("kk", "ru", "en")}
    fields = {"kind": kind, "source": source(), **names}
    return Holiday.objects.update_or_create(date=day(on), defaults=fields)[0]


def request(of: Resource | None = None, *steps: tuple[str, str] | dict[str, Any], **fields: Any) -> InformationRequest:
    """A request with these steps: (kind, day), or all the fields of one."""
    number = next(_number)
    about = {} if {"restriction", "event"} & set(fields) else {"resource": of or resource()}
    fields = {"addressee": "Ministry", "asks": "whether_act", "procedure": "request", "language": "ru", **fields}
    made = InformationRequest.objects.create(key=f"request-{number}", **about, **fields)
    for one in steps:
        RequestStep.objects.create(request=made, **(one if isinstance(one, dict) else {"kind": one[0], "date": one[1]}))
    return made


def alarm(of: Resource, kind: str = Alarm.Kind.ENDED, **fields: Any) -> Alarm:
    fields = {"networks": [9198], "measured": 2, "opened_on": AT.date(), "seen_on": AT.date(), **fields}
    return Alarm.objects.create(resource=of, kind=kind, **fields)


def network(asn: int = 9198, *, watched: bool = True, **fields: Any) -> Network:
    """An access network; with one admitted vantage if it is watched."""
    made, new = Network.objects.get_or_create(
        asn=asn, defaults={"name": f"NETWORK-{asn}", "kind": Network.Kind.ACCESS, "country": "KZ", **fields}
    )
    if new and watched:
        vantage(made)
    return made


def vantage(on: Network | None = None, **fields: Any) -> Vantage:
    number = next(_number)
    fields = {"name": f"vantage-{number}", "role": Vantage.Role.ACCESS, "public_key": f"{number:064x}", **fields}
    fields = {"consent_on": "2026-01-01", "consent_version": "1", **fields}
    return Vantage.objects.create(network=on or network(), **fields)


def cell(of: Resource | Target, on: Network, state: str = State.BLOCKED, **fields: Any) -> Cell:
    fields = {
        "measurements": 4,
        "conclusive": 4,
        "runs": 2,
        "vantages": 1,
        "counts": {"blocked": 3, "accessible": 1},
        "rules": {"tls_reset_sni": 3, "tls_valid": 1},
        "counted_from": AT - timedelta(days=2),
        "counted_until": AT,
        "witnesses": [f"0195a0b2-0000-7000-8000-00000000000{number}" for number in range(1, 6)],
        "measured_at": AT - timedelta(hours=1),
        **fields,
    }
    return Cell.objects.create(target=_target_of(of), network=on, state=state, **fields)


def episode(
    of: Resource | Target, on: Network, state: str = State.BLOCKED, *, began: datetime = AT, **fields: Any
) -> Episode:
    fields = {"seen_at": max(began, AT), **fields}
    return Episode.objects.create(target=_target_of(of), network=on, state=state, began_at=began, **fields)


def interval(began: datetime = AT, ended: datetime | None = None, *, width: timedelta = timedelta(hours=1)) -> Any:
    """A stretch of a wave, each end seen within `width`."""
    return {
        "not_before": (began - width).isoformat(),
        "began": began.isoformat(),
        "ended_not_before": (ended - width).isoformat() if ended else None,
        "ended": ended.isoformat() if ended else None,
    }


def wave(*on: Network, direction: str = Wave.Direction.BLOCK, **fields: Any) -> Wave:
    """A wave that waits for a decision."""
    fields = {
        "kind": Wave.Kind.SILENCE if direction == Wave.Direction.SILENCE else Wave.Kind.BOTH,
        "intervals": [interval()],
        "networks_measured": 4,
        "hosts": 6,
        "hosts_measured": 20,
        "changes": 18,
        "mechanisms": ["tls.timeout.sni"],
        "began_at": AT,
        "changed_at": AT,
        "seen_at": AT,
        "found_at": AT,
        **fields,
    }
    made = Wave.objects.create(direction=direction, **fields)
    made.networks.set(on or [network()])
    return made


def plan(name: str = "daily", period: timedelta = timedelta(hours=24), **fields: Any) -> Plan:
    return Plan.objects.get_or_create(name=name, defaults={"period": period, "due_at": AT, **fields})[0]


def run(by: Vantage | None = None, **fields: Any) -> Run:
    by = by or vantage()
    slot = AT + timedelta(seconds=next(_number))
    made = Round.objects.create(plan=plan(), vantage=by, slot=slot)
    return Run.objects.create(
        round=made, vantage=by, **{"targets": [], "state": Run.State.RECORDED, "due_at": made.slot, **fields}
    )


def measurement(record: Record, of: Resource | Target, *, by: Run | None = None, **fields: Any) -> Measurement:
    """A row for a record that the engine made."""
    by = by or run()
    before = Measurement.objects.filter(run=by, target=_target_of(of)).count()
    fields = {
        "attempt": 1 + before,
        "closing": not before,  # one of a run and a target counts
        "control": by.vantage.role == Vantage.Role.CONTROL,
        "started_at": AT - timedelta(hours=1),
        "imitated": by.vantage.network.imitated,
        "document": packing.pack(record),
        **fields,
    }
    apart = packing.certificates([record])
    kept = [Certificate(sha256=name, der=der) for name, der in apart.items()]
    Certificate.objects.bulk_create(kept, ignore_conflicts=True)
    return Measurement.objects.create(
        run=by, target=_target_of(of), vantage=by.vantage, network=by.vantage.network, **fields
    )


def verdict(of: Measurement, value: str = Verdict.Value.BLOCKED, **fields: Any) -> Verdict:
    fields = {"rule": "tls_reset_sni", "ruleset": RULESET, "confidence": "high", **fields}
    return Verdict.objects.create(
        measurement=of.pk,
        run=of.run,
        target=of.target,
        network=of.network,
        vantage=of.vantage,
        at=of.started_at,
        verdict=value,
        imitated=of.imitated,
        **fields,
    )


def hiding(words: str = "", *, ago: timedelta = timedelta(), **fields: Any) -> Hiding:
    """What somebody hid some time ago."""
    fields = {"by": User.objects.get_or_create(username="hider")[0], "kind": "danger", "reason": "A letter.", **fields}
    return Hiding.objects.create(words=words, begun_at=timezone.now() - ago, **fields)


def day(text: str) -> date:
    return date.fromisoformat(text)


def _target_of(of: Resource | Target) -> Target:
    return of if isinstance(of, Target) else of.coverage.get(canonical=True).target


def agreed() -> None:
    """Editors agree to whatever waits."""
    for row in Proposal.objects.filter(state="waiting").order_by("pk"):
        for number in range(proposals.needed(row)):
            proposals.approve(row, sha256=row.sha256, by=User.objects.get_or_create(username=f"second-{number}")[0])


PASSWORD = "a long password"


def editor(*permissions: str, name: str = "editor") -> User:
    """Somebody who may sign in to the desk and do these things there."""
    made = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    made.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return made


def code_of(editor: User) -> str:
    """What her authenticator shows now. She gets one where she has none, and this code is good again if it was used."""
    device, _ = TOTPDevice.objects.get_or_create(user=editor, defaults={"name": "authenticator"})
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=-1)
    return f"{totp(device.bin_key):06d}"


def address() -> str:
    """Of somebody who never came before, as far as rate limits go."""
    return f"2001:db8::{next(_number):x}"


def signed_in(client: Client, editor: User) -> Client:
    """By the desk's own form, with a password and a code, from an address of her own."""
    editor.set_password(PASSWORD)
    editor.save()
    fields = {"username": editor.username, "password": PASSWORD, "code": code_of(editor)}
    answer = client.post("/desk/login/", fields, REMOTE_ADDR=address())
    assert answer.status_code == 302, answer.context["form"].errors
    return client


def stale(client: Client, minutes: int = 16) -> Client:
    """As if the last code of its session had been given so long ago."""
    session = client.session
    session["code_given_at"] -= minutes * 60
    session.save()
    return client
