"""What holds for every page: small, strict, of this site alone, marked in a demo, and open to everybody."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.test import Client
from playwright.sync_api import sync_playwright

from checks.models import Episode, State
from registry import log, status
from registry.models import (
    STATE_REGISTER,
    Act,
    Deadline,
    InformationRequest,
    Listing,
    Resource,
    Restriction,
    Snapshot,
    SnapshotFile,
)
from tests import make
from tests.conftest import CHROMIUM_FLAGS
from tests.verdict import make as facts

pytestmark = pytest.mark.django_db

LIMIT = 30_000  # bytes of one page
WALK = 1200  # pages: more than there are, so that the walk ends
FORMS = 60  # of those on what is wrong with a page: it is one form, and each page leads to its own
NETWORKS = (9198, 13082, 21299, 29355, 35104, 41798, 206026, 48503)
SITES = 45
RULES = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
WIDTHS = (320, 1280)  # 320 px is a page at 400 % (WCAG 2.2, 1.4.10)
WIDE = """[...document.querySelectorAll('.scroll, dt')].some(
  (box) => box.scrollWidth > box.clientWidth && !box.closest('details') && !box.querySelector('.matrix'))"""


def fill(sites: int = SITES) -> None:
    """A register with every kind of row, and more sites than a list shows on one page."""
    decided = make.act(by=make.authority(), scope_ordered="The page alone.", text="Жабылсын. " * 900, language="kk")
    decided.documents.add(make.document())
    make.appeal(decided, "reversed", decided="2026-02", result=make.act(), note="It was out of time.")
    make.notice(type="usage_ban", bound="officials")
    for _ in range(20):
        make.erratum(decided, wrong_en="The date was that of the letter. " * 10, since="2025-10")
    fill_state_register()
    make.deadline()
    make.deadline(1, "year", "challenge", "absolute", starts_with="adopted")
    make.deadline(3, "month", "complaint", "file", starts_with="learned")
    networks = [make.network(asn) for asn in NETWORKS]
    seen = str(make.measurement(facts.unsecured("connection_reset"), make.resource(facts.HOST)).pk)
    states = cycle(State)
    for number in range(sites):
        one = make.resource(f"a-site-of-some-length-{number}.kz" if number else "қазақ.kz")
        basis = make.restriction(one, *([decided] if number % 2 else []), kind="court", fact="The source says so.")
        basis.sources.add(make.source("A newspaper", url="https://news.example.org/1"))
        if number % 3 == 0:
            make.statement(basis, words="We block nothing.")
            make.statement(basis, speaker="an operator", stance="admits", words="We were told to.")
            make.figure(number)
            make.listing(one)
            make.request(one, ("sent", "2026-02-02"), {"kind": "answered", "date": "2026-03-02", "reply": "formal"})
            make.alarm(one)
        for network, state in zip(networks, states, strict=False):
            mechanism = "tls.reset.sni" if state == State.BLOCKED else ""
            make.cell(one, network, state, mechanism=mechanism, witnesses=[seen])
            make.episode(one, network, state, mechanism=mechanism, began=make.AT - timedelta(days=3))
    status.count(at=make.AT)


def fill_state_register() -> None:
    """Two snapshots as rows: an import writes to the log, and what the log holds no test in a browser takes back."""
    words = {"category": "Law on Communications, art. 41-1", "court": "", "act_date": "2024-11-27"}
    file = SnapshotFile.objects.create(sha256="0" * 64, packed=b"")
    taken: Snapshot | None = None
    for number, day in enumerate(("2026-02-01", "2026-02-02")):
        counts = {"read": 60, "added": 60 - 59 * number, "removed": number, "changed": number, "unchanged": 58 * number}
        taken = Snapshot.objects.create(
            list=STATE_REGISTER, taken_on=day, previous=taken, source=make.source(), sha256=file.sha256, size=9000,
            file=file, refused=1, recorded_at=make.AT, **counts,
        )  # fmt: skip
        for row in range(counts["added"]):
            fields = {"register_id": f"{number}-{row}", "address": f"listed-{row}.kz", "domain": f"listed-{row}.kz"}
            Listing.objects.create(snapshot=day, source=make.source(), first=taken, **fields, **words)
    first = Snapshot.objects.get(previous=None)
    old, gone = Listing.objects.filter(first=first)[:2]
    Listing.objects.filter(pk__in=[old.pk, gone.pk]).update(last=first, gone=taken)
    changed = {"register_id": old.register_id, "address": old.address, "court": "Yesil court"}
    Listing.objects.create(snapshot="2026-02-02", source=make.source(), first=taken, previous=old, **changed)


def walk(client: Client, start: str) -> dict[str, Any]:
    """Every page of one language that links lead to, by its address. A pack of files is no page."""
    pages: dict[str, Any] = {}
    waiting, forms = [start], set[str]()
    while waiting and len(pages) < WALK:
        address = waiting.pop()
        if address in pages:
            continue
        answer = pages[address] = client.get(address)
        for link in re.findall(r'<a [^>]*href="([^"#]+)', answer.content.decode()):
            link = html.unescape(link)
            there = address.split("?")[0] + link if link.startswith("?") else link
            if not there.startswith(start) or there in pages or there.endswith(".zip"):
                continue
            if "/problem/?" in there:
                forms.add(there)
            if "/problem/?" not in there or len(forms) <= FORMS:
                waiting.append(there)
    assert not waiting
    return pages


@pytest.mark.walk
@pytest.mark.parametrize(("language", "demo"), [("kk", True), ("ru", False), ("en", False)])
def test_wherever_links_lead_pages_are_small_strict_and_our_own(
    client: Client, settings: LazySettings, language: str, demo: bool
) -> None:
    settings.DEMO = demo
    fill()
    for basis in Restriction.objects.all():
        log.append(
            "create", basis, after={"kind": basis.kind, "fact": basis.fact}, reason="It was told.", by="editor-1"
        )
        log.append("describe", basis.resource, after={"condition": "dead"}, reason="It is gone.", by="editor-1")
    pages = walk(client, f"/{language}/")
    assert len(pages) > 2 * SITES
    for address, answer in pages.items():
        page = answer.content.decode()
        assert answer.status_code == 200, address
        assert len(answer.content) < LIMIT, address
        assert f'<html lang="{language}">' in page, address
        assert ('<p class="demo"' in page) is demo, address
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, address
        assert "unsafe" not in policy, address
        assert not re.search(r"<style|<script|<[^>]+\s(?:style|on[a-z]+)=", page), address
        assert not re.search(r'\ssrc="|<link[^>]+href="(?:https?:)?//', page), address
        assert not answer.cookies, address
        assert not re.search(r'href="(?:https?:)?//[^"/]*\.kz', page), address


def test_a_name_is_shown_with_its_other_spelling_beside_it(client: Client) -> None:
    """A name in look-alike letters is told apart by its A-label; of a withheld one it is not shown."""
    one = make.resource("қазақ.kz")
    page = client.get(one.get_absolute_url()).content.decode()
    assert "<bdi>қазақ.kz</bdi>" in page
    assert f"<code>{one.host}</code>" in page
    assert one.host.startswith("xn--")
    one.display = Resource.Display.WITHHELD
    one.save()
    assert "<code>xn--" not in client.get(one.get_absolute_url()).content.decode()


ASKED = {  # what each page reads of its query string
    "resources/": ["q", "situation", "sort", "page"],
    "acts/": ["q", "authority", "page"],
    "statements/": ["event", "year", "page"],
    "networks/9198/": ["state", "page"],
    "matrix/": ["q", "state", "page"],
    "episodes/": ["network", "change", "resource", "page"],
    "requests/": ["state", "authority", "sort", "page"],
    "deadlines/": ["deadline", "start", "hour"],
    "history/": ["kind", "role", "after", "before", "below", "above"],
    "history/act/ID/": ["page"],
    "/history.atom": ["lang"],
    "/requests.ics": ["lang"],
    "/api/v1/log/": ["after", "subject"],
}
ODD = [
    *("a%00", "%ED%A0%80", "%FF", "%D9%A3", "%C2%B2", "'%22%3C%5C%25", "%0D%0AX-A:%201", "x" * 5000),
    *("-1", "0", "1e400", str(2**63 - 1), str(2**63), "9" * 5000, "last", "restriction%2F" + "9" * 30),
    *("0001-01-01", "9999-12-31", "2026-02-30", "24:00"),
]


@pytest.mark.parametrize("page", ASKED)
def test_no_query_string_makes_a_page_fail(client: Client, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each parameter alone, and all of them at once and twice."""
    monkeypatch.setattr("registry.api.views.Log.throttle_classes", [])
    fill(1)
    act = Act.objects.exclude(text="")[0]
    log.append("create", act, after={"number": act.number}, reason="seen", by="editor-1")
    path = ("" if page.startswith("/") else "/en/") + page.replace("ID", str(act.pk))
    for odd in ODD:
        alone = [f"{name}={odd}" for name in ASKED[page]]
        for query in (*alone, "&".join([*alone, *alone])):
            answer = client.get(f"{path}?{query}")
            assert answer.status_code in (200, 302, 400), query
            assert "X-A" not in answer.headers


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "scheme"), [("kk", "light"), ("ru", "dark"), ("en", "light")])
def test_pages_are_open_to_everybody(live_server: Any, chromium: str, language: str, scheme: Any) -> None:
    """axe finds nothing, and neither a page nor a table of one is too wide, on a phone as on a desk."""
    fill(12)
    episode = Episode.objects.filter(state=State.BLOCKED)[0]
    newest = Snapshot.objects.of(STATE_REGISTER)[0]
    elsewhere = facts.visit(queries=(facts.query(facts.BOGON), facts.query(facts.AT, role="doh")))
    visit = make.measurement(elsewhere, make.resource(facts.HOST))
    make.verdict(visit, rule="dns_bogon", mechanism="dns.injection.bogon")
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(color_scheme=scheme)
        page.on("console", lambda message: found.append(message.text) if "400" not in message.text else None)

        def look(name: str) -> None:
            answer = Axe().run(page, options={"runOnly": sorted(RULES)})
            found.extend(f"{name}: {one['id']} {one['nodes'][0]['html']}" for one in answer.response["violations"])
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    found.append(f"{name} is wider than {width} px")
                if page.evaluate(WIDE):
                    found.append(f"{name} has a table or a term that is too wide at {width} px")

        paper = "resources/a-site-of-some-length-1.kz/evidence/"
        pages = ("", "resources/", "resources/a-site-of-some-length-1.kz/", paper, "matrix/", "look-up/?q=not-there.kz")
        claims = (
            "statements/",
            "statements/contradictions/",
            "figures/",
            "notices/",
            "stale/",
            f"acts/{Act.objects.first().key}/",
        )
        listed = ("state-register/", f"state-register/{newest.pk}/", f"state-register/{newest.pk}/?show=changed")
        asked = f"requests/{InformationRequest.objects.first().key}/"
        counted = f"deadlines/?deadline={Deadline.objects.first().key}&start=2026-03-02"
        law = ("acts/", "authorities/", "authorities/mki/", "grounds/", "events/", "requests/", asked, counted)
        networks = ("networks/", f"networks/{NETWORKS[0]}/", "vantages/")
        measured = (*networks, "episodes/", f"episodes/{episode.pk}/", f"measurements/{visit.pk}/")
        read = ("method/", "method/rules/")
        changed = ("history/", f"history/act/{Act.objects.first().pk}/")
        wrong = ("errata/", f"problem/?about=/{language}/matrix/")
        for name in (*pages, *claims, *law, *changed, *wrong, *measured, *read, *listed):
            page.goto(f"{live_server.url}/{language}/{name}")
            look(name)
        page.goto(f"{live_server.url}/{language}/report/?q=no+name")
        page.click("main button[type=submit]")
        page.wait_for_selector("[aria-invalid=true]")
        look("a report with an error")
        browser.close()
    assert not found
