"""The log: append-only, canonical, chained, and verified by a program that does not trust us."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client

from registry import log
from registry.ledger.__main__ import Broken, main, verify
from registry.ledger.tree import canonical, commitment, leaf_hash
from registry.models import LogEntry, Resource
from tests import make

pytestmark = pytest.mark.django_db


def entry(of: Resource, operation: str = "create", **fields: Any) -> LogEntry:
    return log.append(operation, of, after=fields, reason="seen", by="editor-1", at=make.AT)


@pytest.fixture
def downloaded(client: Client, tmp_path: Path) -> Path:
    """The API's log: three entries of one resource with two of another between them."""
    one, other = make.resource("orda.kz"), make.resource("other.kz")
    for number, resource in enumerate((one, other, one, other, one)):
        entry(resource, "correct", number=str(number), name="Қазақша «ё» \u2028")
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(client.get("/api/v1/log/").streaming_content))
    return file


def rewrite(file: Path, lines: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(operation="other"),
        lambda rows: rows.filter(pk=0).update(operation="other") or rows.first().save(),
        lambda rows: rows.delete(),
        lambda rows: rows.first().delete(),
    ],
)
def test_the_database_refuses_to_change_or_remove_an_entry(change: Any) -> None:
    kept = entry(make.resource())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(LogEntry.objects.all())
    assert LogEntry.objects.get().leaf == kept.leaf


def test_a_payload_is_canonical_and_the_leaf_is_its_hash() -> None:
    kept = entry(make.resource(), name="Қазақша", slug="")
    content = json.loads(kept.payload)
    assert canonical(content) == kept.payload.encode()
    assert leaf_hash(kept.payload.encode()).hex() == kept.leaf
    assert content["after"] == {"name": "Қазақша", "slug": ""}


def test_of_the_time_only_the_hour_is_told() -> None:
    at = datetime(2026, 3, 1, 12, 34, 56, 789, tzinfo=UTC)
    kept = log.append("create", make.resource(), after={}, reason="seen", by="editor-1", at=at)
    assert json.loads(kept.payload)["at"] == "2026-03-01T12:00:00+00:00" == kept.at.isoformat()


def test_each_subject_has_a_chain_of_its_own() -> None:
    one, other = make.resource("orda.kz"), make.resource("other.kz")
    first, second, third = entry(one), entry(other), entry(one, "correct")
    assert [json.loads(row.payload)["previous"] for row in (first, second, third)] == ["", "", first.leaf]


def test_a_correction_tells_the_fields_that_changed_before_and_after() -> None:
    before, after = {"number": "1", "date": "2024"}, {"number": "2", "date": "2024", "note": "found"}
    kept = log.append("correct", make.act(), before=before, after=after, reason="A letter.", by="editor-1")
    content = json.loads(kept.payload)
    assert (content["before"], content["after"]) == ({"number": "1"}, {"number": "2", "note": "found"})


@pytest.mark.parametrize(("by", "role"), [("editor-1", "editor"), ("pack:kz", "pack"), ("operator", "operator")])
def test_an_entry_tells_the_role_of_its_hand(by: str, role: str) -> None:
    kept = log.append("create", make.resource(), after={}, reason="seen", by=by)
    assert json.loads(kept.payload)["role"] == role


def test_what_may_not_be_shown_is_committed_to_and_told_by_the_names_of_its_fields() -> None:
    hidden = make.restriction(make.resource("hidden.kz", display="withheld"))
    before, after = {"fact": "It was closed."}, {"fact": "hidden.kz was closed.", "status": "lifted"}
    kept = log.append("correct", hidden, before=before, after=after, reason="hidden.kz says so.", by="editor-1")
    content = json.loads(kept.payload)
    assert "hidden" not in kept.payload
    assert (content["after"], content["withheld"]) == ({"status": "lifted"}, ["fact", "reason"])
    private = kept.private_part
    assert commitment(bytes.fromhex(private.salt), private.content.encode()).hex() == content["private"]
    assert json.loads(private.content) == {
        "before": before,
        "after": {"fact": after["fact"]},
        "reason": "hidden.kz says so.",
    }
    assert log.told_so_far(hidden) == after


def test_a_private_part_can_be_erased_and_the_log_still_verifies(client: Client) -> None:
    hidden = make.restriction(make.resource("hidden.kz", display="withheld"))
    kept = log.append("create", hidden, after={"fact": "hidden.kz"}, reason="seen", by="editor-1")
    kept.private_part.delete()
    lines = b"".join(client.get("/api/v1/log/").streaming_content).decode().splitlines()
    assert verify(lines)[0] == 1


def test_the_same_words_never_have_the_same_commitment() -> None:
    hidden = make.restriction(make.resource("hidden.kz", display="withheld"))
    for _again in range(2):
        log.append("correct", hidden, after={"fact": "hidden.kz"}, reason="seen", by="editor-1")
    told = {json.loads(payload)["private"] for payload in LogEntry.objects.values_list("payload", flat=True)}
    assert len(told) == 2


def test_the_database_refuses_a_second_entry_after_the_same_one() -> None:
    first = entry(make.resource())
    with pytest.raises(IntegrityError), transaction.atomic():
        LogEntry.objects.create(at=first.at, operation="x", subject=first.subject, payload="{}", leaf="0", previous="")


def test_an_entry_of_the_first_version_still_verifies_and_is_followed() -> None:
    resource = make.resource()
    old = {"v": 1, "at": "2026-03-01T12:00:00+00:00", "operation": "create", "subject": f"resource/{resource.pk}"}
    payload = canonical(old | {"fields": {"name": "orda.kz"}, "reason": "seen", "by": "editor-1", "previous": ""})
    leaf = leaf_hash(payload).hex()
    LogEntry.objects.create(at=make.AT, operation="create", subject=old["subject"], payload=payload.decode(), leaf=leaf)
    new = entry(resource, "correct", category="NEWS")
    assert log.told_so_far(resource) == {"name": "orda.kz", "category": "NEWS"}
    lines = [
        json.dumps({"index": row.pk, "payload": row.payload, "leaf": row.leaf})
        for row in LogEntry.objects.order_by("pk")
    ]
    assert json.loads(new.payload)["previous"] == leaf
    assert verify(lines)[0] == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"v": 3}, "its version is 3"),
        ({"more": 1}, "other keys"),
        ({"before": {"note": ""}}, "not told of afterwards"),
        ({"withheld": ["number"], "private": "0" * 64}, "says to withhold"),
        ({"withheld": ["fact"]}, "needs a hash"),
        ({"private": "0" * 64}, "needs a hash"),
    ],
)
def test_an_entry_of_another_shape_is_no_entry(change: dict[str, Any], told: str) -> None:
    kept = entry(make.resource(), number="1")
    payload = canonical(json.loads(kept.payload) | change)
    with pytest.raises(Broken, match=told):
        verify([json.dumps({"index": 1, "payload": payload.decode(), "leaf": leaf_hash(payload).hex()})])


def test_an_entry_goes_when_the_change_that_it_tells_fails() -> None:
    resource = make.resource()

    @transaction.atomic
    def fail() -> None:
        entry(resource)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not LogEntry.objects.exists()


def test_an_observer_verifies_what_the_api_gives_without_a_database(downloaded: Path) -> None:
    command = [sys.executable, "-m", "registry.ledger", "verify", str(downloaded)]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env={}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 entries hold together; tree head ")


def test_a_changed_payload_is_found_by_its_line(downloaded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(downloaded)
    lines[2]["payload"] = lines[2]["payload"].replace("editor-1", "editor-2")
    rewrite(downloaded, lines)
    assert main(["verify", str(downloaded)]) == 1
    assert "line 3: the payload" in capsys.readouterr().err


def test_a_changed_payload_with_a_new_hash_breaks_the_chain_after_it(downloaded: Path) -> None:
    lines = lines_of(downloaded)
    lines[2]["payload"] = lines[2]["payload"].replace("editor-1", "editor-2")
    lines[2]["leaf"] = leaf_hash(lines[2]["payload"].encode()).hex()
    rewrite(downloaded, lines)
    assert main(["verify", str(downloaded)]) == 1


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_entry_breaks_the_chain_of_its_subject(downloaded: Path, missing: int) -> None:
    lines = lines_of(downloaded)
    del lines[missing]
    rewrite(downloaded, lines)
    assert main(["verify", str(downloaded)]) == 1


def test_a_log_cut_at_its_end_has_another_tree_head(downloaded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(downloaded)]) == 0
    rewrite(downloaded, lines_of(downloaded)[:-1])
    assert main(["verify", str(downloaded)]) == 0
    whole, cut = capsys.readouterr().out.splitlines()
    assert whole.split()[-1] != cut.split()[-1]


def test_two_entries_in_another_order_are_found(downloaded: Path) -> None:
    lines = lines_of(downloaded)
    lines[0], lines[1] = lines[1], lines[0]
    rewrite(downloaded, lines)
    assert main(["verify", str(downloaded)]) == 1


@pytest.fixture
def part(downloaded: Path, tmp_path: Path) -> Path:
    """The three entries of one resource, out of five."""
    file = tmp_path / "history.jsonl"
    rewrite(file, lines_of(downloaded)[::2])
    return file


def test_a_part_of_the_log_is_verified_by_itself_and_against_the_whole(
    downloaded: Path, part: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(part), "--excerpt"]) == 0
    assert main(["verify", str(downloaded)]) == 0
    assert main(["verify", str(part), "--in", str(downloaded)]) == 0
    alone, whole, within = capsys.readouterr().out.splitlines()
    assert alone.startswith("3 entries of 1 records hold together; an excerpt has no tree head")
    assert within.endswith(whole.split()[-1])


def test_a_part_that_begins_later_says_so(part: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(part, lines_of(part)[1:])
    assert main(["verify", str(part)]) == 1
    assert main(["verify", str(part), "--excerpt"]) == 0
    assert "1 of them not from their first entry on" in capsys.readouterr().out


def test_an_entry_that_is_missing_inside_of_a_part_is_found(part: Path) -> None:
    lines = lines_of(part)
    rewrite(part, [lines[0], lines[2]])
    assert main(["verify", str(part), "--excerpt"]) == 1


def test_an_entry_that_the_log_does_not_have_is_found(
    downloaded: Path, part: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = lines_of(part)
    lines[2]["payload"] = lines[2]["payload"].replace("editor-1", "editor-2")
    lines[2]["leaf"] = leaf_hash(lines[2]["payload"].encode()).hex()
    rewrite(part, lines)
    assert main(["verify", str(part), "--excerpt"]) == 0  # it holds together, and is invented
    assert main(["verify", str(part), "--in", str(downloaded)]) == 1
    assert f"entry {lines[2]['index']} of the excerpt does not stand in the log" in capsys.readouterr().err


def test_a_file_that_is_no_log_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    assert main(["verify", str(file)]) == 2
    file.write_text("[1]\n")
    assert main(["verify", str(file)]) == 1
