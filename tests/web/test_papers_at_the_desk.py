"""Papers at the desk: uploaded, looked at, blackened, and published by two."""

from __future__ import annotations

import hashlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from registry import documents, proposals
from registry.editing import NotPossible
from registry.models import Document, Original, Prepared, Proposal, PublicCopy
from registry.papers import limits, sealing
from tests import make
from tests.papers import build
from tests.registry.test_documents import PAPER

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client, settings: LazySettings, tmp_path: Path) -> Client:
    settings.SEALED_FOR = [sealing.make_key(tmp_path / "one.key")]
    make.signed_in(client, make.editor("change_document", "change_act"))
    client.cookies["django_language"] = "en"
    return client


def upload(desk: Client, content: bytes = PAPER, name: str = "order.pdf") -> str:
    answer = desk.post("/desk/papers/", {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def test_a_paper_is_uploaded_blackened_and_published_by_two(desk: Client) -> None:
    act = make.act("7")
    address = upload(desk)
    page = desk.get(address).content.decode()
    assert "page 2: IIN" in page
    first = PublicCopy.objects.get()
    marks = re.search(r'<textarea name="marks"[^>]*>\s*(.*?)</textarea>', page, re.DOTALL)
    assert marks
    sent = {"do": "blacken", "seen": first.sha256, "marks": marks[1], "reason": "A person's number."}
    assert desk.post(address, sent).status_code == 302
    copy = PublicCopy.objects.get(data__isnull=False)
    assert copy.found == []
    fields = {"do": "publish", "key": "order-7", "title": "The order", "language": "ru", "acts": act.key}
    stale = desk.post(address, fields | {"seen": first.sha256, "reason": "The court's copy."})
    assert "Look at the new copy." in stale.content.decode()
    proposed = desk.post(address, fields | {"seen": copy.sha256, "reason": "The court's copy."})
    assert proposed.status_code == 302
    assert not Document.objects.exists()
    told = desk.get(proposed.headers["Location"]).content.decode()
    assert copy.sha256 in told
    assert desk.get(f"{proposed.headers['Location']}copy").content == bytes(copy.data)
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd><bdi>([^<]*)</bdi></dd>", told))
    assert facts["Acts that it is of"] == act.key
    assert (facts["Language"], facts["What was found are no numbers of persons"]) == ("Russian", "no")
    assert "A proposal about this copy waits." in desk.get(address).content.decode()
    make.agreed()
    assert list(act.documents.all()) == [Document.objects.get()]
    assert "The order" in desk.get("/desk/papers/").content.decode()
    again = {"do": "blacken", "seen": copy.sha256, "marks": "1:0,0.1,1,0.3", "reason": "A name was left."}
    assert desk.post(address, again).status_code == 302
    row = Proposal.objects.latest("pk")
    assert row.operation == "redact"
    assert "1:0.0,0.1,1.0,0.3" in desk.get(f"/desk/proposals/{row.pk}/").content.decode()
    make.agreed()
    assert not PublicCopy.objects.filter(sha256=copy.sha256, data__isnull=False).exists()


# --- blackening what is public: what the second person sees


@dataclass(frozen=True)
class Blackening:
    """A published paper, and the proposal to blacken more of it."""

    paper: str  # its address at the desk
    before: PublicCopy
    row: Proposal

    @property
    def address(self) -> str:
        return f"/desk/proposals/{self.row.pk}/"


MARKS = "2:0.0,0.1,1.0,0.3"


@pytest.fixture
def blackening(desk: Client) -> Blackening:
    act = make.act("7")
    address = upload(desk, build.pdf(*[build.words()] * 7))
    before = PublicCopy.objects.get()
    fields = {"seen": before.sha256, "do": "publish", "key": "order-7", "title": "The order", "acts": act.key}
    assert desk.post(address, fields | {"reason": "The court's copy."}).status_code == 302
    make.agreed()
    assert blacken(desk, address, before).status_code == 302
    return Blackening(address, before, Proposal.objects.latest("pk"))


def blacken(desk: Client, address: str, copy: PublicCopy, marks: str = MARKS) -> Any:
    fields = {"do": "blacken", "seen": copy.sha256, "marks": marks, "reason": "A name was left."}
    return desk.post(address, fields)


def pixels(data: bytes) -> Any:
    return Image.open(io.BytesIO(data)).convert("L")


def test_who_agrees_to_blacken_sees_the_very_pages_that_will_be_public(desk: Client, blackening: Blackening) -> None:
    page = desk.get(blackening.address).content.decode()
    pictures = re.findall(r'<img src="([^"]+)" alt="Page (\d) as it would be published">', page)
    assert [int(number) for _address, number in pictures] == [2, 1, 3, 4, 5]  # what is blackened comes first
    assert [
        number
        for _address, number in re.findall(
            r'<img src="([^"]+)" alt="Page (\d)', desk.get(f"{blackening.address}?page=2").content.decode()
        )
    ] == ["6", "7"]
    assert f"<li><code>{MARKS}</code></li>" in page
    seen = {number: desk.get(address).content for address, number in pictures}
    whole = desk.get(f"{blackening.address}copy").content
    second = pixels(seen["2"])
    width, height = second.size
    assert second.crop((0, height // 10, width, 3 * height // 10)).getextrema() == (0, 0)
    assert second.crop((0, height // 2, width, height)).getextrema()[1] == 255
    sha256 = hashlib.sha256(whole).hexdigest()
    assert blackening.row.told["fields"]["copy"] == sha256
    assert sha256 in page
    make.agreed()
    after = PublicCopy.objects.get(data__isnull=False)
    assert (after.sha256, bytes(after.data)) == (sha256, whole)
    assert all(documents.picture(after.media_type, whole, int(number))[1] == data for number, data in seen.items())


def test_the_copy_is_drawn_once_when_it_is_proposed(
    desk: Client, blackening: Blackening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")  # what reads papers can no longer be started
    assert desk.get(f"{blackening.address}copy/2").status_code == 200
    assert "The pages as they would be published" in desk.get(blackening.address).content.decode()
    make.agreed()
    assert PublicCopy.objects.get(data__isnull=False).sha256 == blackening.row.told["fields"]["copy"]


@pytest.mark.parametrize("way", ["refuse", "take_back"])
def test_of_what_is_not_blackened_after_all_the_copy_is_gone(desk: Client, blackening: Blackening, way: str) -> None:
    row = blackening.row
    assert Client().get(f"/documents/{row.told['fields']['copy']}").status_code == 404
    if way == "refuse":
        proposals.refuse(row, by=User.objects.create_user("ben"), reason="It is no name.")
    else:
        proposals.take_back(row, by=row.author)
    assert not Prepared.objects.exists()
    assert desk.get(blackening.address).status_code == 200
    for path in ("copy", "copy/2"):
        assert desk.get(f"{blackening.address}{path}").status_code == 404
    assert PublicCopy.objects.get(data__isnull=False) == blackening.before


def test_a_copy_that_waits_is_shown_to_who_may_agree_alone_and_runs_nothing(
    desk: Client, blackening: Blackening
) -> None:
    other = make.signed_in(Client(), make.editor("view_document", name="other"))
    for path in ("copy", "copy/2"):
        answer = desk.get(f"{blackening.address}{path}")
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"].startswith("no-store")
        assert answer.headers["Content-Type"] in ("application/pdf", "image/png", "image/jpeg")
        assert other.get(f"{blackening.address}{path}").status_code == 403
        assert Client().get(f"{blackening.address}{path}").status_code == 302
    assert "The pages as they would be" not in other.get(blackening.address).content.decode()
    for path in ("copy/0", "copy/8", "copy/999"):
        assert desk.get(f"{blackening.address}{path}").status_code == 404


def test_other_bytes_than_were_proposed_are_neither_shown_nor_published(desk: Client, blackening: Blackening) -> None:
    Prepared.objects.update(data=bytes(blackening.before.data or b""))
    assert desk.get(f"{blackening.address}copy").status_code == 404
    assert "is not there. Propose it anew." in desk.get(blackening.address).content.decode()
    with pytest.raises(NotPossible, match="is not there"):
        make.agreed()
    assert PublicCopy.objects.get(data__isnull=False) == blackening.before


def test_the_same_is_proposed_once_and_other_places_of_the_same_paper_may_be(
    desk: Client, blackening: Blackening
) -> None:
    again = blacken(desk, blackening.paper, blackening.before, "2:0,0.1,1,0.3")
    assert again.status_code == 400
    assert "It was proposed already" in again.content.decode()
    assert f'href="{blackening.address}"' in again.content.decode()
    assert blacken(desk, blackening.paper, blackening.before, "3:0,0.1,1,0.3").status_code == 302
    proposals.approve(blackening.row, sha256=blackening.row.sha256, by=User.objects.create_user("ben"))
    late = desk.get(f"/desk/proposals/{Proposal.objects.latest('pk').pk}/")
    assert "Somebody else blackened it meanwhile." in late.content.decode()


def test_who_takes_a_blackening_over_proposes_the_same_copy(desk: Client, blackening: Blackening) -> None:
    User.objects.filter(pk=blackening.row.author_id).update(is_active=False)
    ben = make.editor("change_document", "change_act", name="ben")
    mine = proposals.take_over(blackening.row, by=ben)
    assert mine.told["fields"] == blackening.row.told["fields"]
    make.agreed()
    assert PublicCopy.objects.get(data__isnull=False).sha256 == mine.told["fields"]["copy"]
    assert not Prepared.objects.exists()


def test_the_page_stays_small_whatever_is_blackened(desk: Client, blackening: Blackening) -> None:
    places = "\n".join(f"{at % 7 + 1}:0.{at:04},0.1234,0.9999,0.4321" for at in range(500))
    assert blacken(desk, blackening.paper, blackening.before, places).status_code == 302
    for language in ("kk", "ru", "en"):
        desk.cookies["django_language"] = language
        answer = desk.get(f"/desk/proposals/{Proposal.objects.latest('pk').pk}/")
        assert answer.content.decode().count("<img ") == 5
        assert len(answer.content) < 30_000


# --- proposed once


def test_one_paper_is_proposed_for_publication_once_and_the_second_is_led_to_the_first(desk: Client) -> None:
    address = upload(desk, build.saved(build.picture(text="")))
    fields = {"do": "publish", "seen": PublicCopy.objects.get().sha256, "key": "order", "title": "The order"}
    first = desk.post(address, fields | {"reason": "Asked for."}).headers["Location"]
    for key in ("order", "another"):
        again = desk.post(address, fields | {"key": key, "reason": "Asked for again."})
        page = again.content.decode()
        assert again.status_code == 400
        assert f"It was proposed already, as proposal {Proposal.objects.get().pk}" in page
        assert f'href="{first}"' in page
    row = Proposal.objects.get()
    proposals.refuse(row, by=User.objects.create_user("ben"), reason="The title is wrong.")
    assert desk.post(address, fields | {"reason": "With the right title."}).status_code == 302


def test_an_act_that_the_register_does_not_have_is_told_beside_its_field(desk: Client) -> None:
    address = upload(desk, build.saved(build.picture(text="")))
    fields = {"do": "publish", "seen": PublicCopy.objects.get().sha256, "key": "order", "title": "The order"}
    answer = desk.post(address, fields | {"acts": "no-act\nnor-this", "reason": "Asked for."})
    assert answer.status_code == 400
    assert answer.context["publish"].errors == {"acts": ["There is no act of this key: no-act, nor-this."]}
    assert not Proposal.objects.exists()


def test_two_papers_of_which_the_same_would_be_left_are_told_apart_in_words(desk: Client) -> None:
    where: list[str] = []
    for number in (1, 2):
        image = build.picture(text="")
        image.paste("grey", (0, 0, 8 * number, 8))
        where.append(upload(desk, build.saved(image)))
        seen = PublicCopy.objects.latest("pk").sha256
        fields = {"do": "publish", "seen": seen, "key": f"order-{number}", "title": "The order", "reason": "Asked for."}
        assert desk.post(where[-1], fields).status_code == 302
    make.agreed()
    marks = {"do": "blacken", "marks": "1:0,0,1,0.2", "reason": "A name was left."}
    copies = PublicCopy.objects.order_by("pk")
    proposed = [
        desk.post(page, marks | {"seen": copy.sha256}).headers["Location"]
        for page, copy in zip(where, copies, strict=True)
    ]
    first = Proposal.objects.get(operation="redact", record_id=copies[0].pk)
    proposals.approve(first, sha256=first.sha256, by=User.objects.create_user("ben"))
    answer = desk.get(proposed[1])
    assert "This very paper was taken in before." in answer.content.decode()


@pytest.mark.parametrize("content", [b"", b"<script>alert(1)</script>", b"%PDF-1.7 cut off", b"MZ" * 99])
def test_what_is_no_paper_is_refused_in_words_and_leaves_nothing(desk: Client, content: bytes) -> None:
    answer = desk.post("/desk/papers/", {"file": SimpleUploadedFile("order.pdf", content)})
    assert answer.status_code == 400
    assert 'class="error"' in answer.content.decode()
    assert not Original.objects.exists()


def test_a_paper_that_is_too_large_is_told_so_though_none_of_it_is_kept(desk: Client) -> None:
    file = SimpleUploadedFile("order.pdf", b"%PDF-1.7" + bytes(limits.FILE_LIMIT + 2**17))
    answer = desk.post("/desk/papers/", {"file": file})
    assert answer.status_code == 400
    assert "The file is larger than 20 MB." in answer.content.decode()
    assert "This field is required." in desk.post("/desk/papers/").content.decode()


@pytest.mark.parametrize(
    "marks", ["", "2", "0:0,0,1,1", "1:0.5,0,0.2,1", "1:nan,0,1,1", "9:0,0,1,1", "1:0,0,1,1\n" * 501]
)
def test_a_place_that_is_none_is_refused(desk: Client, marks: str) -> None:
    address = upload(desk)
    seen = PublicCopy.objects.get().sha256
    answer = desk.post(address, {"do": "blacken", "seen": seen, "marks": marks, "reason": "A number."})
    assert answer.status_code == 400
    assert PublicCopy.objects.get().sha256 == seen


def test_copies_are_shown_to_editors_of_papers_alone_and_run_nothing(desk: Client) -> None:
    upload(desk)
    address = f"/desk/papers/copies/{PublicCopy.objects.get().sha256}"
    answer = desk.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["Cache-Control"].startswith("no-store")
    assert Client().get(address).status_code == 302
    other = Client()
    make.signed_in(other, User.objects.create_user("other", is_staff=True))
    for path in (address, "/desk/papers/", "/desk/papers/1/"):
        assert other.get(path).status_code == 403
