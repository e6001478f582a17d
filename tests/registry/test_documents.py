"""Papers: taken in, blackened, published, withdrawn; and how they are served."""

from __future__ import annotations

import hashlib
import io
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client, RequestFactory
from django.utils import translation

from registry import displays, documents, editing
from registry.documents import NotTaken
from registry.editing import Changed, NotPossible
from registry.log import NoReason
from registry.models import Appeal, Document, LogEntry, Original, PublicCopy
from registry.papers import limits, marks, sealing
from registry.papers.marks import Box, Mark
from registry.papers.refusals import Reason, Refused
from tests import make
from tests.papers import build

pytestmark = pytest.mark.django_db

PAPER = build.pdf(build.words(), build.words(b"IIN 900101300126"))
BAND = Mark(2, Box(0, 0.1, 1, 0.3))
TOLD = {"by": "editor-1", "reason": "The court's own copy."}


@pytest.fixture(autouse=True)
def private_key(tmp_path: Path, settings: LazySettings) -> str:
    settings.SEALED_FOR = [sealing.make_key(tmp_path / "one.key")]
    return (tmp_path / "one.key").read_text("ascii")


def taken(data: bytes = PAPER, *redactions: Mark) -> Original:
    return documents.take_in(io.BytesIO(data), redactions=redactions, by="editor-1", at=make.AT)


def blackened(original: Original, *redactions: Mark) -> PublicCopy:
    seen = documents.current(original).sha256
    return documents.blacken(original, redactions, seen=seen, **TOLD, at=make.AT)


def published(original: Original, **fields: Any) -> Document:
    fields = {"key": "order-1", "title": "The order", "language": "ru", **TOLD, **fields}
    fields.setdefault("seen", documents.current(original).sha256)
    return documents.publish(original, **fields)


def get(client: Client, sha256: str, **headers: str) -> Any:
    return client.get(f"/documents/{sha256}", headers=headers)


def logged() -> list[tuple[str, dict[str, Any]]]:
    """Of documents, and of nothing else."""
    rows = LogEntry.objects.filter(subject__startswith="document/").order_by("id")
    return [(one.operation, json.loads(one.payload)["after"]) for one in rows]


# --- taking in


def test_a_paper_that_was_taken_in_is_seen_by_nobody(client: Client) -> None:
    copy = documents.current(taken())
    assert get(client, copy.sha256).status_code == 404
    assert client.get("/api/v1/documents").json()["results"] == []
    assert logged() == []


def test_the_original_is_there_and_only_its_key_opens_it(private_key: str) -> None:
    original = taken()
    original.refresh_from_db()
    assert PAPER not in bytes(original.box)
    opened = sealing.unseal(bytes(original.box), [private_key])
    assert opened.data == PAPER
    assert opened.commitment == original.hash
    assert hashlib.sha256(PAPER).hexdigest() not in str(Original.objects.values().get())


def test_without_a_key_no_paper_is_taken(settings: LazySettings) -> None:
    for keys in ([], ["no key"]):
        settings.SEALED_FOR = keys
        with translation.override("en"), pytest.raises(NotTaken, match="key"):
            taken()
    assert not Original.objects.exists()


def test_what_is_refused_leaves_nothing_behind() -> None:
    with pytest.raises(NotTaken, match="cut off"), translation.override("en"):
        taken(PAPER[:300])
    assert not Original.objects.exists()
    assert not PublicCopy.objects.exists()


def test_no_more_of_a_file_is_read_than_may_be_taken() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"%PDF-" + bytes(size - 5)

    file = Endless()
    with pytest.raises(NotTaken, match="20"):
        documents.take_in(file, by="editor-1", at=make.AT)
    assert file.given == limits.FILE_LIMIT + 1


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_says_what_to_change(reason: Reason, language: str) -> None:
    with translation.override(language):
        said = documents.sentence(Refused(reason, page=3, detail="GIF"))
    assert "%" not in said
    assert "None" not in said
    assert len(said) > 15


def test_the_same_paper_is_not_taken_twice() -> None:
    taken()
    with pytest.raises(NotTaken):
        taken()
    assert Original.objects.count() == 1


def test_what_is_uploaded_is_never_on_a_disk(rf: RequestFactory) -> None:
    def sent(size: int) -> Any:
        file = SimpleUploadedFile("../order.pdf", bytes(size), content_type="application/pdf")
        return rf.post("/desk/", {"file": file}).FILES.get("file")

    assert isinstance(sent(limits.FILE_LIMIT), InMemoryUploadedFile)
    assert sent(limits.FILE_LIMIT + 2**17) is None


def test_what_was_blackened_does_not_come_back_as_it_was() -> None:
    original = taken()
    blackened(original, BAND)
    with pytest.raises(NotTaken):
        taken()
    assert Original.objects.count() == PublicCopy.objects.filter(data__isnull=False).count() == 1


# --- blackening


def test_a_new_version_takes_the_place_of_the_old_one_whose_bytes_go() -> None:
    original = taken()
    first = documents.current(original)
    assert [(one["page"], one["kind"]) for one in first.found] == [(2, "iin")]
    second = blackened(original, BAND)
    first.refresh_from_db()
    assert (first.data, first.next) == (None, second)
    assert (second.found, second.marks, second.pages) == ([], [marks.row(BAND)], 2)
    assert documents.current(original) == second
    assert second.sha256 == hashlib.sha256(bytes(second.data)).hexdigest()
    shown = build.drawn(bytes(second.data), 2)
    assert shown.crop((0, 200, 1190, 480)).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_a_number_that_is_covered_in_part_is_still_told() -> None:
    original = taken()
    (box,) = documents.current(original).found[0]["boxes"]
    half = Mark(2, Box(box["left"], box["top"], (box["left"] + box["right"]) / 2, box["bottom"]))
    assert len(blackened(original, half).found) == 1


def test_it_can_be_blackened_while_it_is_taken_in() -> None:
    original = taken(PAPER, BAND)
    assert original.copies.count() == 1
    assert documents.current(original).found == []


def test_what_is_black_already_makes_no_new_version() -> None:
    original = taken(PAPER, BAND)
    with pytest.raises(NotTaken):
        blackened(original, BAND)
    assert original.copies.count() == 1


def test_who_was_slower_does_not_undo_what_was_blackened() -> None:
    original = taken()
    seen = documents.current(original).sha256
    blackened(original, BAND)
    with pytest.raises(NotPossible):
        documents.blacken(original, [Mark(1, Box(0, 0, 1, 0.1))], seen=seen, **TOLD, at=make.AT)
    assert documents.current(original).marks == [marks.row(BAND)]


def test_what_is_suggested_covers_what_was_found() -> None:
    original = taken()
    assert blackened(original, *documents.suggested(documents.current(original))).found == []


def test_the_database_keeps_one_version_current() -> None:
    original = taken()
    row = PublicCopy.objects.filter(pk=documents.current(original).pk).values().get()
    del row["id"]
    first = documents.current(original)
    with pytest.raises(IntegrityError):
        PublicCopy.objects.create(**row | {"sha256": "0" * 64, "previous_id": first.pk})


# --- publishing


def test_a_published_copy_is_served_under_its_hash_with_headers_that_let_it_do_nothing(client: Client) -> None:
    document = published(taken(PAPER, BAND))
    answer = get(client, document.sha256)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert hashlib.sha256(answer.content).hexdigest() == document.sha256
    assert answer["Content-Disposition"] == f'attachment; filename="{document.sha256[:16]}.pdf"'
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


def test_a_picture_is_shown_in_place(client: Client) -> None:
    document = published(taken(build.saved(build.picture(), "JPEG")))
    answer = get(client, document.sha256)
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Content-Disposition"] == f'inline; filename="{document.sha256[:16]}.jpg"'
    assert answer["Content-Security-Policy"].startswith("sandbox")


def test_a_browser_asks_again_and_is_told_that_it_has_it(client: Client) -> None:
    document = published(taken(PAPER, BAND))
    first = get(client, document.sha256)
    again = get(client, document.sha256, if_none_match=first["ETag"])
    assert (again.status_code, again.content, again["Cache-Control"]) == (304, b"", "no-cache")
    editing.withdraw(document, **TOLD)
    assert get(client, document.sha256, if_none_match=first["ETag"]).status_code == 404


def test_nothing_but_reading_is_answered_and_nothing_but_a_hash(client: Client) -> None:
    document = published(taken(PAPER, BAND))
    assert client.post(f"/documents/{document.sha256}").status_code == 405
    assert client.head(f"/documents/{document.sha256}").status_code == 200
    for other in (document.sha256.upper(), document.sha256[:-1], f"{document.sha256}/", "../etc/passwd", "0" * 64):
        assert client.get(f"/documents/{other}").status_code == 404


def test_other_bytes_than_were_agreed_to_are_not_shown(client: Client) -> None:
    document = published(taken(PAPER, BAND))
    PublicCopy.objects.filter(sha256=document.sha256).update(data=b"%PDF-1.7 forged past the desk")
    assert get(client, document.sha256).status_code == 404


def test_it_is_logged_with_both_hashes_and_stands_in_the_api(client: Client) -> None:
    act = make.act()
    original = taken(PAPER, BAND)
    document = published(original, acts=[act])
    ((operation, fields),) = logged()
    assert operation == "publish"
    assert (fields["sha256"], fields["original_hash"]) == (document.sha256, original.hash)
    assert (fields["taken_on"], fields["redactions"]) == ("2026-03-01", [marks.row(BAND)])
    of_the_act = json.loads(LogEntry.objects.get(subject=f"act/{act.pk}").payload)
    assert (of_the_act["operation"], of_the_act["after"]) == ("correct", {"documents": [document.key]})
    (row,) = client.get("/api/v1/documents").json()["results"]
    assert row["url"] == f"http://127.0.0.1:8000/documents/{document.sha256}"
    assert (row["pages"], row["taken_on"], row["original_hash"]) == (2, "2026-03-01", original.hash)
    assert row["redactions"] == [marks.row(BAND)]
    assert f'href="/documents/{document.sha256}"' in client.get(f"/en/acts/{act.key}/").content.decode()


def test_numbers_of_persons_are_not_published_unless_somebody_says_that_they_are_none() -> None:
    original = taken()
    with translation.override("en"), pytest.raises(NotPossible, match="pages: 2"):
        published(original)
    assert published(original, despite_found=True).pages == 2


@pytest.mark.parametrize("field", ["title", "reason"])
def test_no_number_of_a_person_stands_in_what_is_told_of_it(field: str) -> None:
    with pytest.raises(ValidationError, match="900101 300126"):
        published(taken(PAPER, BAND), **{field: "Of 900101 300126"})


def test_what_was_not_looked_at_is_not_published() -> None:
    original = taken()
    seen = documents.current(original).sha256
    blackened(original, BAND)
    with pytest.raises(NotPossible):
        published(original, seen=seen)
    assert not Document.objects.exists()


def test_it_is_published_once_under_a_key_of_its_own_and_with_a_reason() -> None:
    original, other = taken(PAPER, BAND), taken(build.pdf(build.words(b"Another")))
    published(original)
    for wrong, error in (
        ({}, NotPossible),
        ({"key": "order-2", "reason": " "}, NoReason),
        ({"key": "not a key"}, ValidationError),
        ({"key": "order-2", "title": ""}, ValidationError),
    ):
        with pytest.raises(error):
            published(other, **wrong)
    with pytest.raises(NotPossible):
        published(original, key="order-2")
    assert Document.objects.count() == 1


def test_of_a_published_one_the_blackened_version_is_public_at_once_and_the_old_one_is_gone(client: Client) -> None:
    original = taken()
    document = published(original, despite_found=True)
    before, was = document.sha256, logged()[-1][1]
    after = blackened(original, BAND)
    document.refresh_from_db()
    assert (document.sha256, document.redactions) == (after.sha256, [marks.row(BAND)])
    assert get(client, before).status_code == 404
    assert get(client, after.sha256).status_code == 200
    payload = json.loads(LogEntry.objects.latest("id").payload)
    assert (payload["operation"], payload["after"]["sha256"]) == ("redact", after.sha256)
    assert payload["before"] == {name: was[name] for name in payload["after"]}


def test_a_withdrawn_one_is_served_no_more_and_stays_so_when_it_is_blackened(client: Client) -> None:
    original = taken()
    act = make.act()
    document = published(original, despite_found=True, acts=[act])
    editing.withdraw(document, **TOLD)
    assert get(client, document.sha256).status_code == 404
    assert document.title not in client.get(f"/en/acts/{act.key}/").content.decode()
    (row,) = client.get("/api/v1/documents").json()["results"]
    assert (row["url"], row["withdrawn"], row["sha256"]) == (None, TOLD["reason"], document.sha256)
    after = blackened(original, BAND)
    assert get(client, after.sha256).status_code == 404
    document.refresh_from_db()
    editing.restore(document, **TOLD)
    assert get(client, after.sha256).status_code == 200
    assert [operation for operation, _fields in logged()] == ["publish", "withdraw", "redact", "restore"]


def test_the_reason_of_a_withdrawal_stands_in_the_history_of_the_document_in_words(client: Client) -> None:
    document = published(taken(PAPER, BAND), acts=[make.act()])
    editing.withdraw(document, by="editor-1", reason="A name was left on page 1.")
    page = client.get(f"/en/history/document/{document.pk}/").content.decode()
    assert "A name was left on page 1." in page
    assert "page 2: 1 place" in page
    assert "<h2>Published</h2>" in page


def test_a_correction_changes_what_it_is_called_and_nothing_of_its_copy(client: Client) -> None:
    document = published(taken(PAPER, BAND), acts=[make.act()])

    def correct(**fields: Any) -> bool:
        return editing.correct(document, fields, seen=editing.state_of(document), **TOLD)

    before = Document.objects.values().get()
    for name, value in {
        "original_hash": "0" * 64, "redactions": [], "sha256": "0" * 64, "url": "https://papers.example.org/1.pdf",
        "pages": 1, "taken_on": "2026-01-01", "media_type": "text/html", "size": 1,
    }.items():  # fmt: skip
        with pytest.raises(ValidationError) as refused:
            correct(**{name: value})
        assert list(refused.value.message_dict) == [name]
    assert Document.objects.values().get() == before
    assert correct(title="The order of the court")
    assert Document.objects.values().get() == before | {"title": "The order of the court"}
    assert get(client, document.sha256).status_code == 200


def test_blackening_keeps_what_an_editor_corrected_meanwhile() -> None:
    original = taken()
    document = published(original, despite_found=True, acts=[make.act()])
    seen = editing.state_of(document)
    blackened(original, BAND)
    with pytest.raises(Changed):
        editing.correct(document, {"title": "Another"}, seen=seen, **TOLD)
    document.refresh_from_db()
    editing.correct(document, {"title": "Another"}, seen=editing.state_of(document), **TOLD)
    blackened(original, Mark(1, Box(0, 0, 1, 0.1)))
    document.refresh_from_db()
    assert (document.title, len(document.redactions)) == ("Another", 2)


def test_an_act_that_was_withdrawn_is_given_no_paper() -> None:
    act = make.act()
    make.withdrawn(act)
    with pytest.raises(NotPossible):
        published(taken(PAPER, BAND), acts=[act])
    assert not Document.objects.exists()


@pytest.mark.parametrize("display", ["withheld", "domain_only"])
def test_a_paper_about_what_is_not_shown_in_full_is_not_served(client: Client, display: str) -> None:
    one, act = make.resource("orda.kz"), make.act()
    make.restriction(one, act)
    document = published(taken(PAPER, BAND), acts=[act])
    assert get(client, document.sha256).status_code == 200
    displays.choose(one, display, by="editor-1", reason="It must not be advertised.")
    assert get(client, document.sha256).status_code == 404


def test_a_paper_of_an_appeal_that_is_not_public_is_not_served(client: Client) -> None:
    basis = make.restriction(make.resource("orda.kz"), make.act(), public=False)
    appeal = make.appeal(basis.acts.get(), restriction=basis)
    assert isinstance(appeal, Appeal)
    document = published(taken(PAPER, BAND), appeals=[appeal])
    assert get(client, document.sha256).status_code == 404
    assert not LogEntry.objects.exists()


# --- the commands


def told(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_commands_take_a_paper_in_and_publish_it(client: Client, tmp_path: Path) -> None:
    make.act(number="7")
    paper, copy = tmp_path / "order.pdf", tmp_path / "copy.pdf"
    paper.write_bytes(PAPER)
    said = told("take_document", str(paper), "--copy", str(copy))
    sha256 = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert f"sha256 {sha256}" in said
    assert "page 2: 1 × iin, not blackened" in said
    assert "900101" not in said
    mark = next(line.split()[1] for line in said.splitlines() if line.strip().startswith("--mark"))
    act = make.act()
    common = ["--reason", "The court's own copy.", "--key", "order-1", "--title", "The order", "--act", act.key]
    with pytest.raises(CommandError, match="2"):
        told("publish_document", sha256, *common)
    said = told("publish_document", sha256, *common, "--mark", mark)
    assert "Proposed: it is done when 2 editors have agreed to it" in said
    assert not Document.objects.exists()
    with pytest.raises(CommandError, match=r"/desk/proposals/\d+/"):
        told("publish_document", documents.current(Original.objects.get()).sha256, *common)
    make.agreed()
    document = Document.objects.get()
    assert get(client, document.sha256).status_code == 200
    told("publish_document", document.sha256, "--withdraw", "--reason", "A name was left.")
    make.agreed()
    assert get(client, document.sha256).status_code == 404
    told("publish_document", document.sha256, "--restore", "--reason", "It was none.")
    make.agreed()
    assert get(client, document.sha256).status_code == 200
    told("publish_document", document.sha256, "--mark", "1:0,0.1,1,0.3", "--reason", "A name was left.")
    make.agreed()
    assert get(client, document.sha256).status_code == 404
    document.refresh_from_db()
    assert get(client, document.sha256).status_code == 200


def test_a_copy_can_be_blackened_before_anybody_publishes_it(tmp_path: Path) -> None:
    sha256 = documents.current(taken()).sha256
    assert "not published" in told("publish_document", sha256, "--mark", "2:0,0.1,1,0.3", "--reason", "An IIN.")
    with pytest.raises(CommandError, match="no such copy"):
        told("publish_document", sha256, "--reason", "An IIN.")


@pytest.mark.parametrize(
    "name", ["../order.pdf", "order\nline.pdf", "order\u202efdp.exe", "order.exe", "-.pdf", "бұйрық.pdf", "a" * 200]
)
def test_the_name_of_a_file_plays_no_part(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / name
    path.write_bytes(PAPER)
    said = told("take_document", str(path))
    assert "\u202e" not in said
    assert "order\nline" not in said
    assert name not in str(list(Original.objects.values())) + str(list(PublicCopy.objects.values()))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "order.pdf"
    page.write_bytes(b"<html>an order</html>")
    with translation.override("en"), pytest.raises(CommandError, match="no PDF, PNG or JPEG"):
        told("take_document", str(page))
    with pytest.raises(CommandError, match="No such file"):
        told("take_document", str(tmp_path / "absent.pdf"))
    with pytest.raises(CommandError, match="no mark"):
        told("take_document", str(page), "--mark", "2:1,1,0,0")
