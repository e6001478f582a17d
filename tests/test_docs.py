"""The documents name what exists: links, settings, make targets, tables."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands

from checks.engine import records
from checks.verdict import episodes, facts, judge, published, rules, state, waves
from registry.api.urls import router
from registry.papers import limits

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("checks/**/*.md")])


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(page):
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page):
    assert list(broken_links(page)) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[gone](gone.md) [here](#a-heading) [nowhere](#another) [out](https://example.org)")
    assert list(broken_links(page)) == ["gone.md", "#another"]


def test_running_lists_every_setting_and_no_other():
    read_there = set(re.findall(r'env\.\w+\(\s*"(\w+)"', read("config/settings.py")))
    listed = set(re.findall(r"^\| \**`(\w+)`\** \|", read("docs/running.md"), re.MULTILINE))
    assert listed == read_there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets


def test_the_vocabulary_has_every_table():
    words = set(re.findall(r"^\| \*\*(\w+)\*\* \|", read("docs/vocabulary.md"), re.MULTILINE))
    tables = {model.__name__ for name in ("registry", "checks") for model in apps.get_app_config(name).get_models()}
    assert tables - words == set()
    assert words - tables == set()


def test_the_table_of_the_rules_is_what_the_code_says():
    page = read("docs/method.md")
    assert published.written_into(page) == page, "run `make rules`"


def test_a_rule_that_changed_is_not_in_the_table_yet(monkeypatch):
    page = read("docs/method.md")
    monkeypatch.setattr(published, "RULES", rules.RULES[1:])
    assert published.written_into(page) != page
    with pytest.raises(ValueError, match="the page has no"):
        published.written_into("# A page\n")


def constants(module):
    """The numbers, spans and codes that stand in capitals at the top of a module, as method.md writes them."""
    for name, value in vars(module).items():
        if not re.fullmatch(r"[A-Z][A-Z_]+", name) or isinstance(value, str | bool):
            continue
        if isinstance(value, int | float):
            yield name, f"{value:g}" if value < 10_000 else str(value)
        elif isinstance(value, timedelta):
            days, minutes = value // timedelta(days=1), value // timedelta(minutes=1)
            long, hours = value > timedelta(hours=48), value >= timedelta(hours=1)
            yield name, f"{days} days" if long else f"{minutes // 60} h" if hours else f"{minutes} min"
        elif isinstance(value, frozenset) and all(isinstance(one, int) for one in value) and value:
            yield name, ", ".join(map(str, sorted(value)))


@pytest.mark.parametrize("module", [facts, rules, judge, state, episodes, waves], ids=lambda module: module.__name__)
def test_every_threshold_is_published_with_its_value_and_its_reason(module):
    section = read("docs/method.md").partition("## Thresholds")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    listed = {name: value for name, value, *_ in rows}
    assert len(listed) == len(rows)
    assert {name: listed.get(name) for name, _ in constants(module)} == dict(constants(module))


def test_the_known_results_are_those_of_the_golden_files():
    lines = (ROOT / "tests/verdict/golden/verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    counts = Counter(json.loads(line)["verdict"] for line in lines)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    section = read("docs/method.md").partition("## Known error rates")[2]
    assert f"{len(lines)} scenarios of our own" in section
    assert told in section


def test_security_tells_the_limits_of_papers():
    size, memory = limits.FILE_LIMIT // 2**20, limits.MEMORY // 2**30
    told = f"At most {size} MB, {limits.PAGES} pages, {limits.PIXELS // 10**6} million pixels a picture or page; "
    assert f"{told}{limits.SECONDS} seconds and {memory} GiB to read it." in read("SECURITY.md")


def test_every_module_that_is_run_by_name_exists():
    for page in PAGES:
        for module in re.findall(r"python -m ((?:checks|registry)[\w.]*\w)", page.read_text(encoding="utf-8")):
            assert (ROOT / module.replace(".", "/") / "__main__.py").is_file(), f"{page.name}: {module}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_is_named_exists(page):
    named = re.findall(r"manage\.py ([a-z]\w+)", page.read_text(encoding="utf-8"))
    assert set(named) <= set(get_commands())


def named_in_data(row):
    """What data.md names in the row of a table of this name, however often there is one."""
    found = re.findall(rf"^\| `{row}` \| (.*)$", read("docs/data.md"), re.MULTILINE)
    return {word for line in found for word in re.findall(r"`(\w+)`", line)}


@pytest.mark.parametrize("prefix", [prefix for prefix, _, _ in router.registry])
def test_data_describes_every_column_that_the_api_publishes(prefix):
    view = next(view for name, view, _ in router.registry if name == prefix)
    columns = set((view.detail_class or view.serializer_class)().fields) - {"id"}
    assert columns - named_in_data(prefix.removeprefix("v1/")) == set()


def test_data_describes_the_record_of_a_measurement_field_by_field():
    text = read("docs/data.md").partition("## The record of a measurement")[2]
    every = (records.Measurement, records.Query, records.Answer, records.Connect, records.Handshake)
    every += (records.Certificate, records.Exchange, records.Refusal)
    names = {field.name for one in every for field in fields(one)}
    purposes = {value for name, value in vars(records).items() if name.isupper() and isinstance(value, str)}
    assert (names | purposes) - set(re.findall(r"`(\w+)`", text)) == set()
