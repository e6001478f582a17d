"""A body is named as it was called on the date, along those before and after it."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from registry.models import ActRole, Authority
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministries() -> dict[str, Authority]:
    """MIC was divided; its half for information has a later name."""
    spans = {
        "mid": ("2014-08", "2016-05-06"),
        "mic": ("2016-05-06", "2019-02-25"),
        "misd": ("2019-02-25", "2023-09-01"),
        "mdddai": ("2019-02-25", "2019-06"),
        "mci": ("2023-09-01", ""),
    }
    made = {code: make.authority(code, code, valid_from=a, valid_to=b) for code, (a, b) in spans.items()}
    for later, earlier in (("mic", "mid"), ("misd", "mic"), ("mdddai", "mic"), ("mci", "misd")):
        made[later].predecessors.add(made[earlier])
    return made


@pytest.mark.parametrize(
    ("code", "date", "named"),
    [
        ("mci", "2018-03-30", ["mic"]),
        ("mci", "2015", ["mid"]),
        ("mic", "2018-03-30T05Z", ["mic"]),
        ("mic", "2020", ["misd"]),
        ("mic", "2019-03", ["mdddai", "misd"]),
        ("mid", "2026", ["mci"]),
        ("mid", "2010", []),
        ("mci", "", ["mci"]),
        ("mdddai", "2026", []),
    ],
)
def test_a_body_is_the_one_of_that_date(ministries, code: str, date: str, named: list[str]) -> None:
    assert sorted(one.code for one in ministries[code].on(date)) == named


def test_a_year_in_which_a_name_changed_may_mean_either(ministries) -> None:
    assert ministries["mic"].on("2019") == (ministries["mic"],)
    assert ministries["misd"].on("2019") == (ministries["misd"],)


def test_the_chain_of_names_runs_from_the_oldest_and_a_circle_ends(ministries) -> None:
    chain = Authority.objects.lineage().chain(ministries["mci"])
    assert [one.code for one in chain] == ["mid", "mic", "misd", "mci"]
    ministries["mid"].predecessors.add(ministries["mci"])
    assert ministries["mic"].on("1990") == ()
    assert len(Authority.objects.lineage().chain(ministries["mci"])) == 4


def doubts() -> str:
    out = io.StringIO()
    try:
        call_command("check_record", stdout=out)
    except CommandError as error:
        return out.getvalue() + str(error)
    return out.getvalue()


def test_a_record_that_holds_together_is_told_so(ministries) -> None:
    make.act(by=ministries["mic"], date="2018")
    assert doubts() == "Nothing contradicts itself.\n"


def test_a_part_of_a_body_that_was_not_there_then_is_told_with_the_body_of_that_time(ministries) -> None:
    act = make.act(date="2018-03-30")
    ActRole.objects.create(act=act, authority=ministries["mci"], role="decided")
    restriction = make.restriction(make.resource(), began="2018-04")
    restriction.authorities.add(ministries["mci"])
    make.statement(restriction, authority=ministries["mid"], date="2018-04")
    told = doubts()
    for record in (f"act/{act.pk}", f"restriction/{restriction.pk}", "statement/"):
        assert record in told
    assert "mci did not exist on 2018-03-30; the body of that time: mic" in told
    assert "mid did not exist on 2018-04; the body of that time: mic" in told
    assert told.endswith("3 to look at.")


def test_what_cannot_follow_each_other_is_told() -> None:
    act = make.act(date="2018-05-28")
    first = make.appeal(act, decided="2018-04")
    first.previous = make.appeal(act, decided="2018-10", previous=first)
    first.save()
    make.restriction(make.resource(), status="in_force", began="2018", ended="2020")
    told = doubts()
    assert "it is of 2018-04, and challenges an act of 2018-05-28" in told
    assert "the appeals before it go round in a circle" in told
    assert "it is said to be in force, and to have ended on 2020" in told


def test_bodies_named_before_parts_were_known_keep_their_restrictions(tmp_path: Path) -> None:
    """A register of before, in a database of its own, brought up to now."""
    file = tmp_path / "before.sqlite3"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": f"sqlite:///{file}"}

    def migrate(*to: str) -> None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", *to]
        subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True, timeout=120)

    migrate("registry", "0006_events_have_intervals")
    with closing(sqlite3.connect(file)) as database:
        for table, values in (
            ("registry_resource", {"type": "domain", "name": "a.kz", "slug": "a.kz", "search": "", "host": ""}),
            ("registry_authority", {"code": "b", "name_kk": "b", "name_ru": "b", "name_en": "b", "role": ""}),
            ("registry_restriction", {"resource_id": 1, "kind": "unknown", "status": "unknown"}),
            ("registry_restriction_authorities", {"restriction_id": 1, "authority_id": 1}),
        ):
            columns = database.execute(f"SELECT name, type FROM pragma_table_info('{table}')").fetchall()
            empty = {name: "" if "char" in type or type == "text" else 0 for name, type in columns}
            row = empty | {"id": 1, "event_id": None, "service_id": None, "pack_key": None} | values
            row = {name: row[name] for name, _type in columns}
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
        database.commit()
    migrate()
    with closing(sqlite3.connect(file)) as database:
        roles = database.execute("SELECT restriction_id, authority_id, role FROM registry_restrictionrole").fetchall()
    assert roles == [(1, 1, "unknown")]
