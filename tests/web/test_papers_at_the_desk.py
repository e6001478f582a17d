"""Papers at the desk: uploaded, looked at, blackened, and published by two."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry import proposals
from registry.models import Document, Original, Proposal, PublicCopy
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
    assert "page 2: iin" in page
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
    assert f"/desk/papers/copies/{copy.sha256}" in told
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
