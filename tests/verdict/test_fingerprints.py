"""Fingerprints: what they mean, how lists from elsewhere come in, and that no pattern can hang the judge."""

from __future__ import annotations

import time

import pytest

from checks.verdict.fingerprints import NOTICES, Fingerprint, Matcher, References, read, wrong
from checks.verdict.fingerprints.__main__ import main
from tests.verdict.make import plain_exchange, query
from tests.verdict.test_rules import FOLDER, KZ, PACK


def page(body: str = "", title: str | None = None, **more):
    return plain_exchange(body=body, title=title, **more)


@pytest.mark.parametrize(
    ("exchange", "country", "match"),
    [
        (page(title="Forbidden by the Ministry of Silence"), "KZ", "known"),
        (page(title="Forbidden by the Ministry of Silence"), "XX", "vague"),  # another country's page
        (page(title="Forbidden by the Ministry of Silence"), None, "vague"),
        (page(title="Forbidden by the Ministry of Silence, they say"), None, "none"),  # `full`
        (page(headers=(("LOCATION", "http://silence.example.net/?a"),)), "KZ", "known"),
        (page(headers=(("Location", "http://x.kz/http://silence.example.net/?a"),)), None, "none"),  # `prefix`
        (page("by Order no. 12 of the Ministry"), None, "known"),
        (page("by order no. 12 of the ministry"), None, "none"),  # letters count, except in `words`
        (page("Order no. 12 of the Ministry in a museum of forbidden sites"), None, "none"),
        (page("Filtered by Example Shield"), "KZ", "vague"),
        (page("Filtered by Example Shield"), "XX", "known"),
        (page("СТРАНИЦА ЗАБЛОКИРОВАНА"), None, "vague"),
        (page("Сайтқа қолжетімділік шектелген"), None, "words"),
        (page("Сайтқа қолжетімділік сот шешімімен шектелген"), None, "vague"),
        (page("Доступ к данному сайту ограничен"), None, "words"),
        (page("Доступ к данному сайту ограничен по решению суда"), None, "vague"),
        (page("The court decided otherwise"), None, "none"),
        (page("Access denied: not available in your country"), None, "words"),
        (page(title="Imitated block page"), "KZ", "none"),  # in the lab it is one
        (page("Access denied. " + "A long article about blocking. " * 400), None, "none"),
        (page("Ordinary words"), None, "none"),
    ],
)
def test_what_a_page_means(exchange, country, match):
    assert KZ.page(exchange, country) == match


def test_an_address_or_an_alias_may_be_known():
    assert KZ.address(query("93.184.218.99"))
    assert not KZ.address(query("93.184.218.9"))


def test_an_address_of_another_country_s_block_pages_proves_nothing_here():
    assert [KZ.address(query("93.184.218.98"), country) for country in ("XX", "KZ", None)] == [True, False, False]


def test_a_half_character_is_no_crash():
    assert KZ.page(page("\ud800 Страница заблокирована")) == "vague"


def test_the_revision_names_all_files_that_were_read():
    assert len({References.load(PACK).revision, KZ.revision}) == 2


@pytest.mark.parametrize(
    ("fingerprint", "words"),
    [
        (Fingerprint("a", "body", "(unclosed", "nat", "regexp"), "no regular expression"),
        (Fingerprint("a", "body", r"(a)\1", "nat", "regexp"), "no regular expression"),
        (Fingerprint("a", "body", "(?=a)b", "nat", "regexp"), "no regular expression"),
        (Fingerprint("a", "body", "a*", "nat", "regexp"), "empty text"),
        (Fingerprint("a", "body", "  ", "nat", "contains"), "empty pattern"),
        (Fingerprint("a", "header.", "x", "nat", "contains"), "a field is"),
        (Fingerprint("a", "url", "x", "nat", "contains"), "a field is"),
        (Fingerprint("a", "body", "x", "nat", "like"), "a kind is"),
        (Fingerprint("a", "body", "x", "everywhere", "contains"), "a scope is"),
    ],
)
def test_what_cannot_be_used_is_named(fingerprint, words):
    assert words in (wrong(fingerprint) or "")


def test_our_own_notices_can_be_used():
    assert [wrong(notice) for notice in NOTICES] == [None] * len(NOTICES)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(.*a){20}b", "a.*a.*a.*a.*a.*b"])
def test_no_pattern_hangs_the_judge(pattern):
    matcher = Matcher([Fingerprint("evil", "body", pattern, "nat", "regexp")])
    began = time.process_time()
    assert matcher.find("a" * 100_000) == ()
    assert time.process_time() - began < 2


COLUMNS = (
    "name,scope,other_names,location_found,pattern_type,pattern,confidence_no_fp,expected_countries,"
    "source,exp_url,notes"
)
OONI = (
    f"{COLUMNS}\n"
    + """\
x.1,nat,,body,contains,"by a law, of ours",5,"KZ,RU",me,,
x.2,fp,,body,regexp,a\\.b.*c,5,,me,,
x.3,isp,,body,regexp,(broken,5,,me,,
x.4,isp,,cookie,full,x,5,,me,,
x.5,isp,,dns,full,192.0.2.1,5,KZ,me,,
x.1,nat,,body,contains,"by a law, of ours",5,"KZ,RU",me,,
short
"""
)
PLANET = r"""
{"fingerprint": "p.1", "pattern": "nginx\\."}

{"fingerprint": "p.2"}
no json
{"fingerprint": "p.3", "pattern": "["}
"""


def test_lists_from_elsewhere_come_into_our_form_and_bad_rows_are_named(tmp_path, capsys):
    (tmp_path / "list.csv").write_text(OONI)
    (tmp_path / "false.json").write_text(PLANET)
    assert main([str(tmp_path / "list.csv"), str(tmp_path / "false.json"), "--to", str(tmp_path / "new")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("4 fingerprints")
    for place in ("list.csv:4", "list.csv:5", "list.csv:8", "false.json:4", "false.json:5", "false.json:6"):
        assert f"{place}: left out" in err
    found = read(tmp_path / "new" / "blockpages.csv")
    assert found[0] == Fingerprint("x.1", "body", "by a law, of ours", "nat", "contains", frozenset({"KZ", "RU"}))
    assert [f.scope for f in found] == ["nat", "false_positive", "isp", "false_positive"]
    assert References.load(PACK, tmp_path / "new").page(page("blocked by a law, of ours"), "RU") == "known"


def test_what_is_no_text_is_no_pattern(tmp_path, capsys):
    """As a text, ['a'] would be a false positive on every page with an a, and hide all block pages."""
    (tmp_path / "false.json").write_text('{"fingerprint": "p", "pattern": ["a"]}\n{"fingerprint": 5, "pattern": "a"}\n')
    (tmp_path / "other.csv").write_text("name,scope\nx,nat\n")
    assert main([str(tmp_path / "false.json"), str(tmp_path / "other.csv"), "--to", str(tmp_path / "new")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("0 fingerprints")
    assert "without location_found, pattern_type, pattern" in err
    assert read(tmp_path / "new" / "blockpages.csv") == []


def test_a_list_that_is_not_there_writes_nothing(tmp_path, capsys):
    assert main([str(tmp_path / "absent.csv"), "--to", str(tmp_path / "new")]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_folder_need_not_hold_roots_but_it_must_hold_something(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither"):
        References.load(PACK, tmp_path)
    (tmp_path / "blockpages.csv").write_text((FOLDER / "blockpages.csv").read_text("utf-8"))
    assert len(References.load(PACK, tmp_path).interception_hashes) == 6
