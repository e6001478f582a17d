"""A register of any size, for `benchmarks.record`: run inside `manage.py shell`, where Django is ready."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from django.db import connection, models, reset_queries
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checks.models import Cell, Episode, Measurement, Network, State, Target, Vantage, Verdict
from registry import guards, status
from registry.ledger.tree import canonical, leaf_hash
from registry.models import (
    Act,
    ActRole,
    Authority,
    Coverage,
    Ground,
    Listing,
    LogEntry,
    Resource,
    Restriction,
    Source,
    Statement,
)

AT_ONCE = 5000
NETWORKS = 5
PAGES = 7  # times that each page is asked for; the median counts, after one that does not
BEGAN = datetime(2026, 1, 4, 8, tzinfo=UTC)
_SYLLABLES = (
    "al",
    "ma",
    "ta",
    "or",
    "da",
    "ka",
    "zi",
    "ne",
    "ws",
    "ti",
    "me",
    "po",
    "st",
    "ra",
    "di",
    "ok",
    "bek",
    "sar",
)
_STATES = (*[State.ACCESSIBLE] * 5, *[State.BLOCKED] * 3, State.LIKELY_BLOCKED, State.INSUFFICIENT)


@dataclass(frozen=True, slots=True)
class Page:
    """What one address cost."""

    name: str
    queries: int
    median: float  # ms
    bytes: int
    measurements: bool  # did a query name the table of measurements or verdicts?


def fill(resources: int, acts: int, episodes: int) -> None:
    """Until there are so many. Three in five resources rest on acts, one in five is reported without any."""
    guards.lift()
    chance = random.Random(1)
    networks = _networks()
    authorities = list(_few(Authority, "body", 20))
    grounds = list(_few(Ground, "ground", 12))
    source, _ = Source.objects.get_or_create(url="https://news.example.org/1", title="A newspaper", date="2026-01-05")
    save(Act, _acts(Act.objects.count(), acts))
    save(ActRole, _roles(authorities))
    begin = Resource.objects.count()
    save(Target, (Target(url=f"https://{host}/", host=host) for host in _hosts(begin, resources)))
    save(
        Resource,
        (Resource(type="domain", name=host, host=host, slug=host, search=host) for host in _hosts(begin, resources)),
    )
    pairs = list(zip(_new(Resource, begin), _new(Target, begin), strict=True))
    save(Coverage, (Coverage(resource_id=one, target_id=target, canonical=True) for one, target in pairs))
    _record([one for one, _ in pairs], source, authorities, grounds, chance)
    _evidence([target for _, target in pairs], networks, episodes // max(resources, 1), chance)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _hosts(begin: int, end: int) -> Iterator[str]:
    for number in range(begin, end):
        word = "".join(random.Random(number).choices(_SYLLABLES, k=4))
        yield f"{word}-{number}.kz"


def _new(model: type[models.Model], begin: int) -> list[int]:
    return list(model._default_manager.order_by("pk").values_list("pk", flat=True)[begin:])


def _networks() -> list[Network]:
    if not Network.objects.filter(kind=Network.Kind.ACCESS).exists():
        for asn in range(1, NETWORKS + 1):
            network = Network.objects.create(asn=asn, name=f"NETWORK-{asn}", kind=Network.Kind.ACCESS, country="KZ")
            Vantage.objects.create(network=network, name=f"probe-{asn}", role="access", public_key=f"{asn:064x}")
    return list(Network.objects.filter(kind=Network.Kind.ACCESS))


def _few(model: type[models.Model], word: str, number: int) -> Iterable[models.Model]:
    for one in range(number):
        name = f"{word.capitalize()} {one}"
        yield model._default_manager.get_or_create(
            code=f"{word}-{one}", defaults={"name_kk": name, "name_ru": name, "name_en": name}
        )[0]


def _acts(begin: int, end: int) -> Iterator[Act]:
    for number in range(begin, end):
        day = f"{2012 + number % 14}-{1 + number % 12:02}-{1 + number % 28:02}"
        yield Act(key=f"act-{number}", type="court_decision", number=f"2-{number}", date=day, confidence="medium")


def _roles(authorities: list[models.Model]) -> Iterator[ActRole]:
    for pk in Act.objects.filter(roles=None).values_list("pk", flat=True):
        yield ActRole(act_id=pk, authority_id=authorities[pk % len(authorities)].pk, role="decided")


def _record(
    resources: list[int],
    source: Source,
    authorities: list[models.Model],
    grounds: list[models.Model],
    chance: random.Random,
) -> None:
    acts = list(Act.objects.values_list("pk", flat=True))
    begin = Restriction.objects.count()
    restricted = [one for number, one in enumerate(resources) if number % 5 < 4]
    save(
        Restriction,
        (
            Restriction(resource_id=one, status="unknown", began=f"{2012 + one % 14}-03", confidence="medium")
            for one in restricted
        ),
    )
    made = _new(Restriction, begin)
    with_act = [pk for number, pk in enumerate(made) if number % 4 < 3]
    through = Restriction.acts.through
    save(through, (through(restriction_id=pk, act_id=chance.choice(acts)) for pk in with_act))
    for field, rows in (("authorities", authorities), ("grounds", grounds), ("sources", [source])):
        table = getattr(Restriction, field).through
        column = f"{table._meta.get_field(rows[0]._meta.model_name).name}_id"
        save(table, (table(**{"restriction_id": pk, column: chance.choice(rows).pk}) for pk in made))
    save(
        Statement,
        (
            Statement(
                key=f"s-{pk}",
                restriction_id=pk,
                speaker="the ministry",
                stance="denies",
                date="2026-01-05",
                source=source,
            )
            for pk in made[::20]
        ),
    )
    save(
        Listing,
        (
            Listing(resource_id=one, register_id=f"r-{one}", address="as written", snapshot="2026-02-01", source=source)
            for one in resources[::5]
        ),
    )
    save(LogEntry, map(_entry, resources))


def _entry(resource: int) -> LogEntry:
    """The first of a resource, as a country pack writes it."""
    told = {"v": 2, "at": BEGAN.isoformat(), "operation": "create", "subject": f"resource/{resource}"}
    told |= {"before": {}, "after": {"display": "full"}, "withheld": [], "private": "", "reason": "country pack kz"}
    payload = canonical(told | {"by": "pack:kz", "role": "pack", "previous": ""})
    leaf = leaf_hash(payload).hex()
    return LogEntry(
        at=BEGAN,
        operation="create",
        subject=told["subject"],
        role="pack",
        payload=payload.decode(),
        leaf=leaf,
        previous="",
    )


def _evidence(targets: list[int], networks: list[Network], each: int, chance: random.Random) -> None:
    """On every network a state, and before it others, a week apart."""
    now = [(target, network.pk, chance.choice(_STATES)) for target in targets for network in networks]
    proof = {State.BLOCKED: {"dns_blockpage": 6}, State.ACCESSIBLE: {"tls_valid": 6}}
    save(
        Cell,
        (
            Cell(
                target_id=target,
                network_id=network,
                state=state,
                measurements=6,
                conclusive=6,
                runs=3,
                vantages=1,
                counts={"blocked": 6},
                rules=proof.get(state, {}),
                measured_at=BEGAN,
            )
            for target, network, state in now
        ),
    )
    stretches = max(each // len(networks), 1)
    save(
        Episode,
        (
            Episode(
                target_id=target,
                network_id=network,
                state=state if number == 0 else State.ACCESSIBLE,
                began_at=BEGAN - timedelta(weeks=number),
                seen_at=BEGAN - timedelta(weeks=number),
                ended_at=BEGAN - timedelta(weeks=number - 1) if number else None,
            )
            for target, network, state in now
            for number in range(stretches)
        ),
    )


def save(model: type[models.Model], rows: Iterable[models.Model]) -> None:
    waiting = iter(rows)
    while some := list(islice(waiting, AT_ONCE)):
        model._default_manager.bulk_create(some)
        reset_queries()


def count() -> None:
    """Count where all stand, twice: from nothing, and when nothing has changed. Tells the seconds as JSON."""
    told = []
    for _ in range(2):
        began = time.monotonic()
        status.count(at=timezone.now())
        told.append(time.monotonic() - began)
    print(json.dumps(told))


def measure() -> None:
    """Ask for every page, and tell what it cost as JSON, a line each."""
    client = Client(SERVER_NAME="localhost")
    for name, address in addresses().items():
        print(json.dumps(asdict(_page(client, name, address))), flush=True)


def addresses() -> dict[str, str]:
    """A page with everything on it, from the middle of the register, and the lists from both ends."""
    rows = Resource.objects.order_by("pk")
    one = rows.filter(restrictions__statements__isnull=False).first()
    assert one is not None
    act = Act.objects.filter(restrictions__resource=one).first() or Act.objects.first()
    assert act is not None
    role = act.roles.select_related("authority").get()
    last = -(-rows.count() // 40)
    return {
        "resource": f"/en/resources/{one.slug}/",
        "cross table (front page)": "/en/",
        "search: a name": f"/en/look-up/?q={one.host}",
        "search: its letters": f"/en/look-up/?q={one.host[2:-3]}",
        "search: letters of many": "/en/look-up/?q=alma",
        "search: letters of none": "/en/look-up/?q=qqqq+wwww",
        "resources": "/en/resources/",
        "resources, last page": f"/en/resources/?page={last}",
        "resources, a situation": "/en/resources/?situation=unexplained",
        "resources, by restriction": "/en/resources/?sort=-began",
        "resources, a kind": "/en/resources/?kind=unknown",
        "resources, letters": "/en/resources/?q=alma",
        "matrix": "/en/matrix/",
        "matrix, a state": "/en/matrix/?state=blocked",
        "episodes": "/en/episodes/",
        "network": "/en/networks/1/",
        "acts": "/en/acts/",
        "act": f"/en/acts/{act.key}/",
        "authorities": "/en/authorities/",
        "authority": f"/en/authorities/{role.authority.code}/",
        "grounds": "/en/grounds/",
        "API: resources": "/api/v1/resources",
        "API: a situation": "/api/v1/resources?situation=unexplained",
        "API: stats": "/api/v1/stats",
        "API: lookup": f"/api/v1/lookup?q={one.host}",
    }


def _page(client: Client, name: str, address: str) -> Page:
    ask(client, address)  # what is read once a process belongs to no page
    with CaptureQueriesContext(connection) as context:
        length = ask(client, address)
    asked = [one["sql"] for one in context]
    times = [_timed(lambda: ask(client, address)) for _ in range(PAGES)]
    tables = (Measurement._meta.db_table, Verdict._meta.db_table)
    scanned = any(table in sql for sql in asked for table in tables)
    return Page(name, len(asked), statistics.median(times), length, scanned)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began)


def ask(client: Client, address: str) -> int:
    """How many bytes came. A look-up with one answer leads to its page, which is measured by itself."""
    answer = client.get(address)
    if answer.status_code not in (200, 302):
        raise SystemExit(f"{address} was answered with {answer.status_code}")
    return len(answer.content)


def write_register(path: str, rows: int) -> None:
    """Entries of the state register as gov.kz gives them, for an import."""
    entries = [
        {
            "id": number,
            "name": host,
            "urladdress": f"https://{host}/page",
            "categoryname": "Пропаганда",
            "courtname": "" if number % 2 else "Есильский районный суд",
            "courtdate": "27.11.2024",
            "document": f"2-{number}",
        }
        for number, host in enumerate(_hosts(500_000, 500_000 + rows), start=1)
    ]
    Path(path).write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")


def listings() -> None:
    print(json.dumps(Listing.objects.count()))
