"""`manage.py load_country`: whole or not at all, and every mistake told by file, line and column."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checks import packs as checks_packs
from checks.models import AddressRange, Network
from registry import log, packs, proposals
from registry.editing import Changed
from registry.models import (
    Act,
    Appeal,
    Authority,
    Document,
    Event,
    FieldSource,
    Ground,
    LogEntry,
    Notice,
    OfficialFigure,
    Prepared,
    Proposal,
    Resource,
    Restriction,
    RestrictionRole,
    Source,
)
from registry.papers import personal
from tests import make

pytestmark = pytest.mark.django_db

SOURCE = "https://source.example.com/,Title,2024"
LAW = {
    "grounds.csv": "code,name_kk,name_ru,name_en,law_ref,display\nfraud,алаяқтық,мошенничество,fraud,art. 41-1,full\n",
    "categories.csv": "code,name_kk,name_ru,name_en,display\nNEWS,Б,Н,News,full\n",
    "displays.csv": "case,display,reason\n",
    "regions.csv": "iso,name_kk,name_ru,name_en\nKZ-71,Астана,Астана,Astana\n",
    "authorities.csv": "code,name_kk,name_ru,name_en,role,valid_from,valid_to,predecessors,sources\n"
    "new,Ж,Н,New,,2020,,old,https://a.example.com/\nold,Е,С,Old,,2010,2024-02,,\n",
    "documents.csv": "key,title,language,media_type,size,sha256,url\n"
    "d-1,The order,ru,application/pdf,120,,https://papers.example.com/7.pdf\n",
    "acts.csv": "key,type,number,date,scope_ordered,text,language,note,confidence,initiated,decided,executed,documents,"
    f"source_url,source_title,source_date\nact-1,order,7,2024-01,,Жабылсын.,kk,,high,old,new,,d-1,{SOURCE}\n"
    f"act-2,court_decision,8,2024-02,,,,,low,,,,,{SOURCE}\n",
    "events.csv": "key,type,name_kk,name_ru,name_en,case,began,ended,fact,confidence,regions,"
    "source_url,source_title,source_date\ndark,shutdown,Қ,О,Dark,x-3,,,,,,,,\n"
    f"wave,wave,Т,В,Wave,,2024,,Many.,low,,{SOURCE}\n",
    "cases.csv": "key,resource,type,host,category,grounds,authorities,initiated,decided,executed,acts,networks,regions,"
    "event,kind,kind_reason,status,began,began_not_before,ended,ended_not_later_than,ended_not_before,"
    "authority_as_written,networks_as_written,scope_ordered,scope_observed,fact,confidence,"
    "began_not_later_than,conflicting,source_url,source_title,source_date\n"
    f"x-1,orda.kz,domain,,NEWS,fraud,new,old,,,act-1,9198,KZ-71,wave,court,"
    f"A source says so.,lifted,2024-01-02,,2024-02,,,,,,,It failed.,high,,,{SOURCE}\n"
    f"x-2,WhatsApp,app,,,,,,,,,,,wave,unknown,,unknown,2024,,,,,,,,,It failed.,low,yes,yes,{SOURCE}\n"
    f"x-3,All internet,event,,,,,,,,,9198,KZ-71,dark,unknown,,unknown,2024-03,,,,,,,,,All was dark.,high,,,{SOURCE}\n",
    "statements.csv": "key,case,event,authority,speaker,stance,date,words,source_url,source_title,source_date\n"
    f"s-1,x-1,,new,The ministry,denies,2024-01,No.,{SOURCE}\n",
    "listings.csv": "case,register_id,address,category,court,act_ref,act_date,snapshot,"
    "source_url,source_title,source_date\n"
    f"x-1,17,orda.kz,,,7,2024-01,2024-02,{SOURCE}\n",
    "appeals.csv": "key,act,case,previous,stage,body,filed,decided,outcome,result,note,confidence,documents,"
    "source_url,source_title,source_date\n"
    f"a-2,act-2,,a-1,cassation,,2024-05,,pending,,,low,,{SOURCE}\n"
    f"a-1,act-1,x-1,,appeal,new,2024-01,2024-02,upheld,act-2,,high,d-1,{SOURCE}\n",
    "notices.csv": "key,case,authority,type,about,speaker,bound,alternative,date,ended,fact,confidence,"
    f"source_url,source_title,source_date\nn-1,x-2,new,threat,WhatsApp,A minister,,,2024,,It may be.,low,{SOURCE}\n",
    "figures.csv": "key,value,qualifier,unit,counts_kk,counts_ru,counts_en,period_from,period_to,ground,kind,"
    "authority,speaker,source_url,source_title,source_date\n"
    f"f-1,94,exact,resources,сайт,сайты,sites,2024-01,2024-07,fraud,court,new,The court,{SOURCE}\n",
    "field_sources.csv": f"case,act,event,field,source_url,source_title,source_date\nx-1,,,ended,{SOURCE}\n",
}
CHECKS = {
    "networks.csv": "asn,name,brand,kind,country,note,sources\n9198,JSC Kazakhtelecom,Kazakhtelecom,access,KZ,,\n",
    "address_ranges.csv": "first,last,asn,name\n2.132.0.0,2.135.255.255,9198,JSC Kazakhtelecom\n",
    "must_allow.txt": "# open\negov.kz\n",
    "must_block.txt": "# blocked\nmeduza.io\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a project with a small pack of its own."""
    for side, files in (("registry", LAW), ("checks", CHECKS)):
        path = tmp_path / side / "countries" / "kz"
        path.mkdir(parents=True)
        for name, text in files.items():
            (path / name).write_text(text, encoding="utf-8")
    return tmp_path


def path(folder: Path, file: str) -> Path:
    return folder / ("registry" if file in LAW else "checks") / "countries" / "kz" / file


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = path(folder, file).read_text(encoding="utf-8")
    assert old in text
    path(folder, file).write_text(text.replace(old, new, 1), encoding="utf-8")


def load(folder: Path) -> str:
    out = io.StringIO()
    call_command("load_country", "kz", folder=folder, stdout=out)
    make.agreed()
    return out.getvalue()


def complaint(folder: Path) -> str:
    with pytest.raises(CommandError) as refused:
        load(folder)
    return str(refused.value)


def nothing_is_loaded() -> bool:
    tables = (Act, AddressRange, Authority, Event, LogEntry, Network, Resource, Restriction, Source)
    return not any(table.objects.exists() for table in tables)


def test_a_second_load_changes_nothing_and_says_so(folder):
    assert "restrictions: 2 created" in load(folder)
    before = LogEntry.objects.count()
    again = load(folder)
    assert "restrictions: 2 unchanged" in again
    assert "Nothing would change" in again
    assert LogEntry.objects.count() == before


def test_a_corrected_row_changes_its_record_and_is_logged(folder):
    load(folder)
    change(folder, "cases.csv", "It failed.,high", "It failed for all.,medium")
    change(folder, "cases.csv", ",fraud,new,old,", ",,new,old,")
    assert "restrictions: 1 changed, 1 unchanged" in load(folder)
    orda = Restriction.objects.get(pack_key="x-1")
    assert (orda.fact, orda.confidence, orda.grounds.count()) == ("It failed for all.", "medium", 0)
    last = LogEntry.objects.order_by("-id").first()
    assert (last.operation, last.subject) == ("change", f"restriction/{orda.pk}")


def test_what_an_editor_changed_since_is_kept(folder):
    load(folder)
    orda = Restriction.objects.get(pack_key="x-1")
    Restriction.objects.filter(pk=orda.pk).update(fact="An editor knows better.")
    log.append("correct", orda, after={"fact": "An editor knows better."}, reason="A letter.", by="editor-1")
    assert "restrictions: 1 kept, 1 unchanged" in load(folder)
    orda.refresh_from_db()
    assert orda.fact == "An editor knows better."


def test_an_event_takes_its_facts_from_the_case_that_is_it(folder):
    load(folder)
    dark = Event.objects.get(key="dark")
    assert (dark.began, dark.fact, dark.confidence) == ("2024-03", "All was dark.", "high")
    assert [row.asn for row in dark.networks.all()] == [9198]
    assert [row.iso for row in dark.regions.all()] == ["KZ-71"]


def test_appeals_notices_figures_and_sources_of_fields_are_loaded_once_with_their_links(folder):
    told = load(folder)
    for table in ("appeals: 2", "notices: 1", "official figures: 1", "sources of fields: 1", "documents: 1"):
        assert f"{table} created" in told
    later = Appeal.objects.get(key="a-2")
    assert (later.previous.key, later.previous.result.key, later.previous.restriction.pack_key) == (
        "a-1",
        "act-2",
        "x-1",
    )
    assert Document.objects.get().acts.get().text == "Жабылсын."
    assert Notice.objects.get().resource.name == "WhatsApp"
    assert (OfficialFigure.objects.get().ground.code, OfficialFigure.objects.get().kind) == ("fraud", "court")
    assert FieldSource.objects.get().restriction.pack_key == "x-1"
    assert "Nothing would change" in load(folder)


def test_a_body_has_its_part_in_a_restriction_and_one_whose_part_became_known_stands_there_once(folder):
    change(folder, "cases.csv", "fraud,new,old,,,", "fraud,new; old,,,,")
    load(folder)
    assert set(RestrictionRole.objects.values_list("authority__code", "role")) == {
        ("new", "unknown"),
        ("old", "unknown"),
    }
    change(folder, "cases.csv", "fraud,new; old,,,,", "fraud,new,old,,,")
    assert "roles in restrictions: 1 unchanged, 1 changed" in load(folder).replace(
        "1 changed, 1 unchanged", "1 unchanged, 1 changed"
    )
    assert set(RestrictionRole.objects.values_list("authority__code", "role")) == {
        ("new", "unknown"),
        ("old", "initiated"),
    }
    assert "Nothing would change" in load(folder)


def test_ranges_that_moved_to_another_network_are_replaced(folder):
    load(folder)
    change(folder, "address_ranges.csv", "2.132.0.0,2.135.255.255", "2.132.0.0,2.133.255.255")
    assert "address ranges: 1 created, 1 removed" in load(folder)
    assert AddressRange.objects.holding("2.134.0.1").first() is None


def test_a_byte_order_mark_is_tolerated(folder):
    file = path(folder, "cases.csv")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert "restrictions: 2 created" in load(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("cases.csv", "2024-01-02", "2024-13-02", "cases.csv:2: began: 2024-13-02 is no date"),
        ("cases.csv", "2024-02", "2023", "cases.csv:2: ended: 2023 is before 2024-01-02"),
        ("cases.csv", ",fraud,", ",magic,", "cases.csv:2: grounds: “magic” is not in grounds.csv"),
        ("cases.csv", ",9198,KZ-71,wave", ",1,KZ-71,wave", "cases.csv:2: networks: “1” is not in networks.csv"),
        ("cases.csv", "x-2,", "x-1,", "cases.csv:3: key: “x-1” stands in line 2 too"),
        ("cases.csv", "court,A source says so.", "court,", "cases.csv:2: kind_reason: say why the kind is court"),
        ("cases.csv", ",court,", ",royal,", "cases.csv:2: kind: “royal” is none of administrative, court"),
        ("cases.csv", "orda.kz,domain", "orda,domain", "cases.csv:2: resource: This does not end in a known ending"),
        ("cases.csv", "orda.kz,domain", "orda.kz/x,domain", "cases.csv:2: type: “orda.kz/x” is of the type url"),
        ("cases.csv", SOURCE, ",,", "cases.csv:2: source_url: a source is a URL, or a title with its date"),
        ("cases.csv", SOURCE, ",Title,", "cases.csv:2: source_date: a source without a URL needs its date"),
        ("cases.csv", SOURCE, "nowhere,Title,", "cases.csv:2: source_url: Enter a valid URL."),
        ("cases.csv", ",yes,yes,", ",yes,perhaps,", "cases.csv:3: conflicting: “perhaps” is neither yes nor empty"),
        ("cases.csv", ",dark,unknown", ",wave,unknown", "events.csv:2: case: “x-3” is not a case of the type event"),
        ("cases.csv", ",KZ-71,wave,court", ",KZ-71,wave,x,court", "cases.csv:2: source_date: this row has 34 cells"),
        ("cases.csv", "confidence,began", "trust,began", "cases.csv:1: confidence: the column is missing"),
        ("cases.csv", "confidence,began", "trust,began", "cases.csv:1: trust: no such column is known"),
        ("cases.csv", "It failed.", '"It failed.', "cases.csv:2: key: the quotation marks are broken from here on"),
        ("statements.csv", "s-1,x-1", "s-1,x-9", "statements.csv:2: case: “x-9” is not in cases.csv"),
        (
            "statements.csv",
            "s-1,x-1,,",
            "s-1,x-1,dark,",
            "statements.csv:2: case: a statement is about one case",
        ),
        ("statements.csv", "s-1,x-1", "s-1,x-3", "statements.csv:2: case: “x-3” is an event"),
        ("authorities.csv", ",old,", ",older,", "authorities.csv:2: predecessors: “older” is not in authorities.csv"),
        (
            "regions.csv",
            "Астана,Астана,Astana",
            "Астана,,Astana",
            "regions.csv:2: name_ru: This field cannot be",
        ),
        ("regions.csv", "KZ-71", "KZ-7100", "regions.csv:2: iso: Ensure this value has at most 6 characters"),
        (
            "statements.csv",
            ",,new,",
            ",,new; old,",
            "statements.csv:2: authority: “new; old” is not in",
        ),
        ("cases.csv", "WhatsApp", "", "cases.csv:3: resource: This field cannot be blank."),
        ("acts.csv", "act-1", "act 1", "acts.csv:2: key: Enter a valid “slug”"),
        ("acts.csv", ",high,old,", ",high,new; x,", "acts.csv:2: initiated: “x” is not in authorities.csv"),
        ("authorities.csv", "2010,2024-02", "2010,2020", "acts.csv:2: initiated: “old” existed from 2010 until 2020"),
        (
            "authorities.csv",
            "new,Ж,Н,New,,2020",
            "new,Ж,Н,New,,2025",
            "statements.csv:2: authority: “new” existed from",
        ),
        ("acts.csv", "Жабылсын.,kk", "Жабылсын.,", "acts.csv:2: language: say in which language the text is"),
        ("acts.csv", ",d-1,", ",d-2,", "acts.csv:2: documents: “d-2” is not in documents.csv"),
        ("cases.csv", "2024-01-02,,", "2024-01-02,2024-01-03,", "cases.csv:2: began: 2024-01-02 is before 2024-01-03"),
        ("cases.csv", "2024-01-02,", "2024-01-02T7Z,", "cases.csv:2: began: 2024-01-02T7Z is no date"),
        ("cases.csv", ",,,9198,KZ-71,dark", ",new,,9198,KZ-71,dark", "cases.csv:4: executed: of an event only"),
        ("documents.csv", "120,,", "120,ABC,", "documents.csv:2: sha256: A SHA-256 hash is 64 digits"),
        ("appeals.csv", "a-1,act-1", "a-1,", "appeals.csv:3: act: an appeal needs the act that it challenges"),
        (
            "appeals.csv",
            ",upheld,act-2",
            ",upheld,act-1",
            "appeals.csv:3: result: what came of an appeal is another act",
        ),
        (
            "appeals.csv",
            "act-1,x-1,,",
            "act-1,x-1,a-2,",
            "appeals.csv:2: previous: these appeals follow each other in a",
        ),
        ("appeals.csv", ",2024-05,,", ",2024-05,2024-06,", "appeals.csv:2: outcome: what is pending has neither"),
        ("notices.csv", ",threat,", ",usage_ban,", "notices.csv:2: bound: say whom the ban binds"),
        ("figures.csv", "94,exact", "many,exact", "figures.csv:2: value: “many” value must be an integer."),
        ("figures.csv", "2024-01,2024-07", "2024-08,2024-07", "figures.csv:2: period_to: 2024-07 is before 2024-08"),
        (
            "field_sources.csv",
            "x-1,,,ended",
            "x-1,act-1,,ended",
            "field_sources.csv:2: case: a source supports a field",
        ),
        ("field_sources.csv", "ended", "end", "field_sources.csv:2: field: This table has no such field."),
        ("networks.csv", "9198", "AS9198", "networks.csv:2: asn: “AS9198” value must be an integer."),
        ("networks.csv", "access", "home", "networks.csv:2: kind: “home” is none of access, hosting, other"),
        ("address_ranges.csv", "2.132.0.0", "2.132.0", "address_ranges.csv:2: first: “2.132.0” is no IP address"),
        ("address_ranges.csv", "2.132.0.0", "3.0.0.0", "address_ranges.csv:2: last: the last address stands before"),
        ("must_allow.txt", "egov.kz", "egov kz", "must_allow.txt:2: name: An address has no spaces"),
    ],
)
def test_a_bad_row_is_told_and_nothing_is_loaded(folder, file, old, new, told):
    change(folder, file, old, new)
    assert told in complaint(folder)
    assert nothing_is_loaded()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"iso,name_kk,name_ru,name_en\nKZ-71,\xff,A,A\n", "regions.csv:2: -: byte 0xff is no UTF-8 text"),
        (b"iso,name_kk,name_ru,name_en\nKZ-71,\0,A,A\n", "regions.csv:2: -: there is a NUL character"),
        (b"", "regions.csv:1: -: the file is empty"),
        (b"iso,name_kk,name_ru,name_en,iso\n", "regions.csv:1: iso: the column stands twice"),
    ],
)
def test_a_file_that_is_no_table_is_told(folder, data, told):
    path(folder, "regions.csv").write_bytes(data)
    assert told in complaint(folder)
    assert nothing_is_loaded()


def test_a_missing_file_is_told(folder):
    path(folder, "listings.csv").unlink()
    assert "listings.csv:1: -: there is no such file" in complaint(folder)
    assert nothing_is_loaded()


def test_a_missing_country_is_told(folder):
    shutil.rmtree(folder / "registry")
    assert "There is no pack of “kz”" in complaint(folder)


def test_every_mistake_of_every_file_is_told_at_once(folder):
    change(folder, "grounds.csv", "fraud,", "fr aud,")
    change(folder, "networks.csv", "access", "home")
    told = complaint(folder)
    assert "grounds.csv:2: code:" in told
    assert "networks.csv:2: kind:" in told
    assert "Nothing was proposed." in told


def test_of_very_many_mistakes_the_first_fifty_are_told(folder):
    file = path(folder, "grounds.csv")
    file.write_text("code,name_kk,name_ru,name_en,law_ref,display\n" + "a b,х,х,x,,full\n" * 60, encoding="utf-8")
    told = complaint(folder)
    assert told.count("grounds.csv:") <= 50
    assert "more\nNothing was proposed." in told


def test_a_failure_while_writing_takes_everything_back(folder, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("the disk is full")

    monkeypatch.setattr(log, "append", fail)
    with pytest.raises(OSError):
        packs.load("kz", folder)
    assert nothing_is_loaded()


def test_the_pack_of_the_project_is_the_default_folder():
    out = io.StringIO()
    call_command("load_country", "kz", stdout=out)
    assert "restrictions: 269 created" in out.getvalue()
    assert not Restriction.objects.exists()
    make.agreed()
    assert Restriction.objects.count() == 269
    assert (settings.BASE_DIR / "registry" / "countries" / "kz").is_dir()


def test_a_pack_is_proposed_once_by_its_hash_and_loaded_only_as_it_was(folder: Path) -> None:
    told = [io.StringIO(), io.StringIO()]
    for out in told:
        call_command("load_country", "kz", folder=folder, stdout=out)
    [row] = Proposal.objects.all()
    assert row.told["fields"]["sha256"] == packs.sha256_of(checks_packs.files("kz", folder))
    assert all(f"/desk/proposals/{row.pk}/" in out.getvalue() for out in told)
    change(folder, "grounds.csv", "art. 41-1", "art. 41-2")
    with pytest.raises(Changed):
        make.agreed()
    assert nothing_is_loaded()


def test_a_pack_is_loaded_from_the_very_bytes_that_were_hashed(folder: Path) -> None:
    read = checks_packs.files("kz", folder)
    sha256 = packs.sha256_of(read)
    change(folder, "grounds.csv", "art. 41-1", "art. 41-2")
    packs.load_files("kz", read)
    assert Ground.objects.get().law_ref == "art. 41-1"
    assert packs.sha256_of(checks_packs.files("kz", folder)) != sha256


def test_a_pack_is_tried_once_when_it_is_proposed(folder: Path) -> None:
    """One that is there already takes as many queries as loading it once: the second time nothing is written."""
    load(folder)
    with CaptureQueriesContext(connection) as once:
        packs.load("kz", folder)
    change(folder, "grounds.csv", "art. 41-1", "art. 41-2")
    with CaptureQueriesContext(connection) as proposed:
        call_command("load_country", "kz", folder=folder, stdout=io.StringIO())
    reads = [sum('FROM "registry_act"' in one["sql"] for one in asked.captured_queries) for asked in (once, proposed)]
    assert reads[0] == reads[1] > 0


def test_a_hash_that_looks_like_a_number_of_a_person_keeps_no_pack_from_being_proposed(folder: Path) -> None:
    for number in range(300):  # one of them has an IIN in its hash: twelve digits with a right sum
        (path(folder, "grounds.csv").parent / "NOTES.md").write_text(str(number))
        text = f"country pack kz, SHA-256 {packs.sha256_of(checks_packs.files('kz', folder))}"
        if personal.find(text):
            break
    assert personal.find(text)
    row, _loaded = proposals.propose_pack("kz", folder, by=None)
    assert row is not None
    assert row.told["reason"] == "country pack kz"
    make.agreed()
    assert Restriction.objects.count() == 2


def test_what_a_pack_would_change_is_told_field_by_field_and_follows_the_record(folder: Path) -> None:
    load(folder)
    change(folder, "cases.csv", "It failed.,high", "It failed for all.,high")
    change(folder, "acts.csv", "act-2,court_decision,8", "act-2,court_decision,9")
    change(folder, "authorities.csv", "old,Е,С,Old", "elder,Е,С,Elder,,2000,,,\nold,Е,С,Old")
    change(folder, "address_ranges.csv", "2.132.0.0,2.135.255.255", "2.132.0.0,2.133.255.255")
    row, loaded = proposals.propose_pack("kz", folder, by=None)
    assert row is not None

    def told(loaded: packs.Loaded) -> set[Any]:
        return {(one.table, one.done, one.name, *one.before.items(), *one.after.items()) for one in loaded.differences}

    ends = [("first", "2.132.0.0"), ("last", "2.135.255.255"), ("asn", "9198"), ("name", "JSC Kazakhtelecom")]
    now = [ends[0], ("last", "2.133.255.255"), *ends[2:]]
    elder = {"code": "elder", "name_kk": "Е", "name_ru": "С", "name_en": "Elder", "valid_from": "2000"}
    case = ("restrictions", "changed", "x-1", ("fact", "It failed."), ("fact", "It failed for all."))
    rest = {
        ("acts", "changed", "act-2", ("number", "8"), ("number", "9")),
        ("authorities", "created", "elder", *elder.items()),
        ("address ranges", "created", "2.132.0.0", *now),
        ("address ranges", "removed", "2.132.0.0", *ends),
    }
    assert told(loaded) == {case} | rest
    assert told(proposals.changes_of(row)) == {case} | rest
    orda = Restriction.objects.get(pack_key="x-1")
    log.append("correct", orda, after={"fact": "An editor knows better."}, reason="A letter.", by="editor-1")
    after = proposals.changes_of(row)
    assert told(after) == rest
    assert after.counts["restrictions"] == {"kept": 1, "unchanged": 1}
    make.agreed()
    assert not Prepared.objects.exists()
    assert Authority.objects.filter(code="elder").exists()


def test_what_a_pack_would_change_is_found_once_and_then_read(folder: Path) -> None:
    row, loaded = proposals.propose_pack("kz", folder, by=None)
    assert row is not None
    with CaptureQueriesContext(connection) as asked:
        assert proposals.changes_of(row).differences == loaded.differences
    assert not [one for one in asked.captured_queries if not one["sql"].startswith("SELECT")]


def test_a_ground_that_shows_less_tells_which_names_are_shown_less(folder: Path) -> None:
    load(folder)
    change(folder, "grounds.csv", "art. 41-1,full", "art. 41-1,withheld")
    _row, loaded = proposals.propose_pack("kz", folder, by=None)
    assert [(one.name, one.before, one.after) for one in loaded.differences if one.table == packs.DISPLAYS] == [
        ("orda.kz", {"display": "full"}, {"display": "withheld"})
    ]


@pytest.mark.parametrize("file", ["cases.csv", "networks.csv"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"key,resource\nx-1,orda.kz\n", None])
def test_of_a_file_that_cannot_be_read_only_that_is_told(folder, file, content):
    if content is None:
        path(folder, file).unlink()
    else:
        path(folder, file).write_bytes(content)
    lines = complaint(folder).splitlines()
    assert all(f"/{file}:" in line for line in lines[:-1])
    assert lines[-1] == "Nothing was proposed."
    assert nothing_is_loaded()


def test_what_the_pack_withholds_is_named_in_no_entry_of_the_log(folder: Path) -> None:
    """The category and the grounds are known before the first entry is written."""
    for file, before, after in (
        ("grounds.csv", "art. 41-1,full", "art. 41-1,withheld"),
        ("acts.csv", "2024-01,,Жабылсын.,kk,,high", "2024-01,Close orda.kz,orda.kz жабылсын.,kk,It is orda.kz,high"),
    ):
        text = path(folder, file).read_text(encoding="utf-8")
        assert before in text
        path(folder, file).write_text(text.replace(before, after), encoding="utf-8")
    packs.load("kz", folder)
    one = Resource.objects.get(name="orda.kz")
    assert one.display == "withheld"
    assert not [entry.payload for entry in LogEntry.objects.all() if "orda.kz" in entry.payload]
    before = LogEntry.objects.count()
    packs.load("kz", folder)
    assert LogEntry.objects.count() == before


def test_the_packs_own_choice_stands_in_the_place_of_the_grounds_and_needs_a_reason(folder: Path) -> None:
    text = path(folder, "grounds.csv").read_text(encoding="utf-8")
    path(folder, "grounds.csv").write_text(text.replace("art. 41-1,full", "art. 41-1,withheld"), encoding="utf-8")
    choices = path(folder, "displays.csv")
    choices.write_text("case,display,reason\nx-1,full,\nx-9,full,Why.\nx-2,partly,Why.\n", encoding="utf-8")
    told = complaint(folder)
    assert "displays.csv:2: reason: a choice needs its case, its display and its reason" in told
    assert "displays.csv:3: case: “x-9” is not in cases.csv" in told
    assert "displays.csv:4: display: “partly” is none of full, domain_only, withheld" in told
    choices.write_text("case,display,reason\nx-1,full,It is a newspaper.\n", encoding="utf-8")
    packs.load("kz", folder)
    one = Resource.objects.get(name="orda.kz")
    assert (one.display, one.own_display) == ("full", "full")
    assert "It is a newspaper." in LogEntry.objects.get(subject=f"resource/{one.pk}").payload
