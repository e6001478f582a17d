"""How fast a snapshot of the state register is taken, on the database that the settings name; it stays there.

DATABASE_URL=postgres://… .venv/bin/python manage.py shell -c 'from benchmarks import registers; registers.show()'
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from registry.models import STATE_REGISTER, Snapshot
from registry.registers import importing

ENTRIES = 20_000
GOAL = 2000  # entries a second of the first snapshot, on PostgreSQL


@dataclass(frozen=True)
class Timing:
    what: str
    entries: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.entries / self.seconds

    def __str__(self) -> str:
        return f"{self.what}: {self.entries} entries in {self.seconds:.2f} s, {self.rate:,.0f}/s"


def file(entries: int, *, changed: int = 0, begin: int = 1) -> bytes:
    """A file as gov.kz's; of its entries the first so many say something else than they do without `changed`."""
    rows = [
        {
            "id": number,
            "name": f"Site {number}",
            "urladdress": f"https://site-{number}.example{number % 500}.kz/page?id={number}",
            "categoryname": "нарушение Закона РК «О связи» (анонимайзеры и др.)",
            "courtname": "Есильский районный суд" if number < begin + changed else "",
            "courtdate": "27.11.2024",
            "documentnumber": f"№ 25-1-1-25/{number % 900}",
        }
        for number in range(begin, begin + entries)
    ]
    return json.dumps(rows, ensure_ascii=False).encode()


def timed(entries: int = ENTRIES) -> list[Timing]:
    """The first snapshot, where every entry is new; a day on which nothing changes; one on which every tenth does."""
    at = timezone.now()
    newest = Snapshot.objects.of(STATE_REGISTER).first()
    day = date.fromisoformat(newest.taken_on) if newest else date(2020, 1, 1)
    begin = 1 + entries * Snapshot.objects.count()
    days = {
        "all new": file(entries, begin=begin),
        "nothing changed": file(entries, begin=begin) + b"\n",
        "a tenth changed": file(entries, begin=begin, changed=entries // 10),
    }
    timings = []
    for number, (what, data) in enumerate(days.items(), start=1):
        document = importing.Document(data, day + timedelta(days=number), title="State register (bench)")
        began = time.perf_counter()
        importing.take(document, list=STATE_REGISTER, at=at, by="import:bench", expect_fewer=True)
        timings.append(Timing(what, entries, time.perf_counter() - began))
    return timings


def show(entries: int = ENTRIES) -> None:
    print(*timed(entries), sep="\n")
