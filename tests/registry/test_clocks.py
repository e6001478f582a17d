"""The country's clocks: versions of the law, days off of the library and of the pack, and what the pack says."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import translation

from registry import clocks, packs
from registry.models import Act, Deadline, Holiday, LogEntry
from tests import make
from tests.registry import test_load_country as small

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
KZ = settings.BASE_DIR / "registry" / "countries" / "kz"
folder = small.folder


def test_the_library_knows_moved_days_and_the_table_overrides_it() -> None:
    calendar = clocks.read(at=AT).calendar
    assert not calendar.is_working(date(2026, 5, 11))  # Victory Day fell on a Saturday
    assert calendar.is_working(date(2025, 1, 5))  # a Sunday, worked instead of 3 January
    make.holiday("2026-05-11", "worked")
    make.holiday("2026-05-12", "off", "By decree")
    calendar = clocks.read(at=AT).calendar
    assert calendar.is_working(date(2026, 5, 11))
    assert str(calendar.off[date(2026, 5, 12)]) == "By decree"


@pytest.mark.parametrize(("language", "name"), [("kk", "Жеңіс күні"), ("ru", "День Победы"), ("en", "Victory Day")])
def test_days_off_have_their_names_in_the_readers_language(language: str, name: str) -> None:
    calendar = clocks.read(at=AT).calendar
    with translation.override(language):
        assert str(calendar.off[date(2026, 5, 9)]) == name
        assert name in str(calendar.off[date(2026, 5, 11)])


def test_every_name_of_the_library_is_ours_too() -> None:
    with translation.override("en"):
        names = {str(name).partition(" (")[0] for name in clocks.read(at=AT).calendar.off.values()}
        known = {str(name) for name in clocks._NAMES.values()}
    assert len(names) > 10
    assert {name for name in names if not name.startswith("day off moved")} <= known


def test_a_country_that_the_library_does_not_have_has_only_its_own_days(settings: LazySettings) -> None:
    settings.COUNTRY = "ZZ"
    make.holiday("2026-03-03")
    assert list(clocks.read(at=AT).calendar.off) == [date(2026, 3, 3)]


def test_changing_the_table_of_holidays_changes_what_is_due_at_once() -> None:
    row = make.deadline()
    assert clocks.read(at=AT).due(row, date(2026, 4, 24)).day == date(2026, 5, 20)
    make.holiday("2026-05-19")
    assert clocks.read(at=AT).due(row, date(2026, 4, 24)).day == date(2026, 5, 21)
    Holiday.objects.all().delete()
    assert clocks.read(at=AT).due(row, date(2026, 4, 24)).day == date(2026, 5, 20)


def test_loading_another_table_of_holidays_changes_what_is_due(folder: Path) -> None:
    row = make.deadline()
    table = folder / "registry" / "countries" / "kz" / "holidays.csv"
    head = "date,kind,name_kk,name_ru,name_en,source_url,source_title,source_date\n"
    table.write_text(head + f"2026-05-19,off,К,П,Day,{small.SOURCE}\n", encoding="utf-8")
    small.load(folder)
    assert clocks.read(at=AT).due(row, date(2026, 4, 24)).day == date(2026, 5, 21)
    table.write_text(head + f"2026-05-19,worked,К,П,Day,{small.SOURCE}\n", encoding="utf-8")
    small.load(folder)
    assert clocks.read(at=AT).due(row, date(2026, 4, 24)).day == date(2026, 5, 20)


def test_the_version_of_the_law_is_that_of_the_day() -> None:
    old = make.deadline(3, "hour", "order", "obey", valid_from="2014", starts_with="passed_on")
    new = make.deadline(2, "hour", "order", "obey", valid_from="2024-09-19", starts_with="passed_on")
    law = clocks.read(at=AT)
    found = [law.version("order", "obey", on=make.day(text)) for text in ("2013-12-31", "2015-01-01", "2024-09-19")]
    assert found == [None, old, new]
    Deadline.objects.filter(pk=new.pk).update(valid_to="2026")
    assert clocks.read(at=AT).version("order", "obey", on=make.day("2026-02-01")) == old


def test_an_order_must_be_carried_out_in_hours() -> None:
    row = make.deadline(2, "hour", "order", "obey", starts_with="passed_on")
    law = clocks.read(at=AT)
    assert law.due(row, datetime(2026, 3, 7, 23, tzinfo=law.zone)).at == datetime(2026, 3, 8, 1, tzinfo=law.zone)


def test_an_act_can_be_challenged_for_a_year_whoever_learns_of_it_when() -> None:
    make.deadline(1, "month", "challenge", "file", starts_with="learned", valid_from="2021-07-01")
    make.deadline(1, "year", "challenge", "absolute", starts_with="adopted", valid_from="2021-07-01")
    law = clocks.read(at=AT)

    def told(day: str, type: str = "order") -> clocks.Challenge | None:
        return clocks.challenge(make.act(type=type, date=day), law, at=AT)

    open_still = told("2026-02-10")
    assert open_still is not None
    assert (open_still.last.day, open_still.passed) == (date(2027, 2, 10), False)
    assert open_still.if_learned_today.day == date(2026, 12, 28)  # the 26th is a Saturday
    near = told("2025-12-02")
    assert near.if_learned_today == near.last  # a month from today would be behind the limit
    closed = told("2024-02-10")
    assert (closed.last.day, closed.passed, closed.if_learned_today) == (date(2025, 2, 10), True, None)
    by_month, of_old_law, without_a_day = told("2024-02"), told("2020-07-14"), told("")
    assert (by_month.last, by_month.passed) == (None, True)
    assert (of_old_law.absolute, of_old_law.last, of_old_law.if_learned_today) == (None, None, None)
    assert (without_a_day.absolute, without_a_day.passed) == (None, False)
    assert told("2026-02-10", Act.Type.COURT_DECISION) is None


def test_what_has_no_source_is_unverified() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make.deadline(source=None)
    assert make.deadline(source=None, unverified=True).unverified


def test_the_packs_deadlines_are_loaded_with_their_marks_and_logged() -> None:
    packs.load("kz", settings.BASE_DIR)
    with (KZ / "deadlines.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["key"] for row in rows} == set(Deadline.objects.values_list("key", flat=True))
    law, day = clocks.read(at=AT), date(2026, 11, 26)
    translation.activate("en")
    told = {
        (procedure, step): clocks.length_in_words(law.version(procedure, step, on=day))
        for procedure, step in (
            ("order", "pass_on"), ("order", "obey"), ("urgent", "notify"), ("publisher", "remove"),
            ("request", "reply"), ("request", "extension"), ("request", "forward"), ("media_request", "reply"),
            ("complaint", "file"),
            ("challenge", "file"), ("challenge", "absolute"), ("restoration", "obey"),
        )
    }  # fmt: skip
    assert list(told.values()) == [
        "1 hour", "2 hours", "24 hours", "6 hours", "15 working days", "2 months", "3 working days", "5 working days",
        "3 months", "1 month", "1 year", "at once",
    ]  # fmt: skip
    assert clocks.length_in_words(law.version("order", "obey", on=date(2015, 1, 1))) == "3 hours"
    unverified = set(Deadline.objects.filter(unverified=True).values_list("procedure", flat=True))
    assert unverified == {"access_request"}
    assert LogEntry.objects.filter(subject__startswith="deadline/").count() == len(rows)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hour", "fortnight", "deadlines.csv:2: unit: “fortnight” is none of"),
        ("obey,3", "obey,0", "deadlines.csv:2: length: a period has a length"),
        (small.SOURCE, ",,", "deadlines.csv:2: source_url: what has no source is unverified"),
        ("2014,", "2014-13,", "deadlines.csv:2: valid_from:"),
    ],
)
def test_a_wrong_deadline_is_told_by_line_and_column(folder: Path, old: str, new: str, told: str) -> None:
    text = (
        "key,procedure,step,length,unit,starts_with,article_kk,article_ru,article_en,valid_from,"
        "valid_from_not_later_than,valid_to,name_kk,name_ru,name_en,confidence,unverified,note_kk,note_ru,note_en,"
        "source_url,source_title,source_date\n"
        f"one,order,obey,3,hour,passed_on,б,с,art. 1,2014,,,О,И,Obey,high,,,,,{small.SOURCE}\n"
    )
    assert old in text
    path = folder / "registry" / "countries" / "kz" / "deadlines.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was proposed") as refused:
        call_command("load_country", "kz", folder=folder)
    assert told in str(refused.value)
