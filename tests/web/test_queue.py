"""The desk's own pages: what waits, who holds it, and what is decided on it."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import sync_playwright

from checks.models import Vantage
from registry import leases, log, moderation, proposals, submissions
from registry.desk.work import name_of_new
from registry.models import (
    Act,
    Alarm,
    Candidate,
    Category,
    Coverage,
    Display,
    Lease,
    LogEntry,
    Proposal,
    Report,
    Resource,
    Restriction,
)
from registry.models.proposal import ANY
from registry.proposals import Operation
from tests import make
from tests.conftest import CHROMIUM_FLAGS
from tests.verdict import make as seen
from tests.web.test_every_page import RULES

pytestmark = pytest.mark.django_db

ABLE = [f"change_{one}" for one in ("report", "candidate", "restriction", "act")]
WHY = {"reason": "It was seen on two networks."}


def an_editor(name: str, *able: str) -> User:
    made = User.objects.create_user(name, is_staff=True)
    made.user_permissions.set(Permission.objects.filter(codename__in=able or ABLE))
    return made


@pytest.fixture
def ann() -> User:
    return an_editor("ann")


@pytest.fixture
def ben() -> User:
    return an_editor("ben")


def at_the_desk(person: User, language: str = "en") -> Client:
    client = Client()
    make.signed_in(client, person)
    client.cookies["django_language"] = language
    return client


@pytest.fixture
def desk(ann: User) -> Client:
    return at_the_desk(ann)


def a_report(text: str = "orda.kz") -> Report:
    return submissions.receive(text, note="It stopped today.", at=make.AT).report


def a_candidate(url: str = "https://exclusive.kz/page", category: str = "NEWS") -> Candidate:
    make.snapshot({"url": url, "category_code": category}, list="citizenlab-kz")
    return Candidate.objects.get(url=url)


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def address(row: Any) -> str:
    return f"/desk/{row._meta.model_name}s/{row.pk}/"


def names(answer: Any) -> list[str]:
    return [one.what for one, *_rest in answer.context["lines"]]


# --- the queue


def test_the_desk_begins_with_what_waits(desk: Client, ann: User, ben: User) -> None:
    assert "No proposal waits for you." in text_of(desk.get("/desk/"))
    report = a_report()
    a_candidate()
    make.alarm(make.resource("gone.kz"), Alarm.Kind.GONE)
    page = desk.get("/desk/")
    assert names(page) == [report.name]
    assert [(one.name, count) for one, _url, count in page.context["tabs"]] == [
        ("proposals", 0), ("reports", 1), ("candidates", 1), ("alarms", 1),
    ]  # fmt: skip
    for kind in ("reports", "candidates", "alarms"):
        shown = desk.get(f"/desk/{kind}/")
        assert len(shown.context["lines"]) == 1
        one = desk.get(shown.context["lines"][0][1])
        assert one.status_code == 200


def test_a_proposal_waits_for_whoever_did_not_make_it(desk: Client, ann: User, ben: User) -> None:
    row = proposals.propose(Operation.CREATE, Act, {"key": "act-9", "type": "order"}, by=ben, reason="A letter.")
    assert names(desk.get("/desk/")) == ["Add an entry: act: act-9"]
    assert names(at_the_desk(ben).get("/desk/proposals/")) == []
    assert len(names(at_the_desk(ben).get("/desk/proposals/?state=waiting"))) == 1
    proposals.approve(row, sha256=row.sha256, by=ann)
    assert names(desk.get("/desk/proposals/?state=done"))[0].startswith("Add an entry: act: ")


def test_what_is_not_there_yet_is_called_by_what_it_will_be(desk: Client, ben: User) -> None:
    site = make.resource("gone.kz")
    blocked = {"resource": site.pk, "kind": "court", "kind_reason": "A court decided it."}
    proposals.propose(Operation.CREATE, Restriction, blocked, by=ben, reason="A court.")
    fields = {"country": "kz", "folder": "", "sha256": "0" * 64}
    row = Proposal(operation=Operation.PACK, record_type=ANY, content=json.dumps({"fields": fields}))
    assert names(desk.get("/desk/")) == ["Add an entry: restriction: gone.kz"]
    assert name_of_new(row) == "kz"


def test_the_author_of_what_is_outdated_is_not_told_to_wait_for_another(desk: Client, ann: User) -> None:
    act = make.act("1")
    row = proposals.propose(Operation.CORRECT, act, {"number": "2"}, by=ann, reason="A letter.")
    where = f"/desk/proposals/{row.pk}/"
    assert "Another person has to agree." in text_of(desk.get(where))
    Act.objects.filter(pk=act.pk).update(number="3")
    page = text_of(desk.get(where))
    assert "Another person has to agree." not in page
    assert "The entry was changed since." in page
    assert "Take it back" in page


def test_who_may_not_open_a_page_of_the_desk_reads_so_in_another_language_there(ben: User) -> None:
    make.alarm(make.resource("gone.kz"), Alarm.Kind.GONE)
    desk = at_the_desk(an_editor("cyd", "view_report"))
    refused = desk.get("/desk/alarms/")
    assert 'name="next" value="/desk/alarms/"' in refused.content.decode()
    assert "This is not for everybody" in text_of(refused)
    other = desk.post("/desk/language/", {"language": "ru", "next": "/desk/alarms/"}, follow=True)
    assert (other.status_code, other.redirect_chain) == (403, [("/desk/alarms/", 302)])
    assert "Эта страница открыта не всем" in text_of(other)


def test_who_may_not_see_a_kind_finds_neither_its_tab_nor_its_pages(ben: User) -> None:
    report, alarm = a_report(), make.alarm(make.resource("gone.kz"), Alarm.Kind.GONE)
    desk = at_the_desk(an_editor("cyd", "view_report"))
    assert [one.name for one, _url, _count in desk.get("/desk/").context["tabs"]] == ["proposals", "reports"]
    assert desk.get("/desk/alarms/").status_code == desk.get(address(alarm)).status_code == 403
    page = desk.get(address(report))
    assert page.status_code == 200
    assert 'name="do"' not in page.content.decode()
    assert desk.post(address(report), {**WHY, "do": "reject"}).status_code == 403
    assert Client().get("/desk/").status_code == Client().get(address(report)).status_code == 302


def test_the_queue_is_filtered_and_ordered(desk: Client, ann: User, ben: User) -> None:
    first, second, third = a_report("b.kz"), a_report("a.kz"), a_report("c.kz")
    leases.claim(log.subject_of(first), by=ann, at=timezone.now())
    leases.claim(log.subject_of(second), by=ben, at=timezone.now())
    leases.claim(log.subject_of(third), by=ben, at=timezone.now() - leases.LENGTH)  # it ran out
    a, b, c = (f"https://{letter}.kz/" for letter in "abc")
    for query, found in (
        ("", [b, a, c]), ("sort=new", [c, a, b]), ("sort=name", [a, b, c]), ("holder=me", [b]), ("holder=nobody", [c]),
        ("q=B.kz", [b]), ("state=accepted", []), ("state=all", [b, a, c]), ("q=%00", [b, a, c]), ("state=x", [b, a, c]),
    ):  # fmt: skip
        assert names(desk.get(f"/desk/reports/?{query}")) == found, query
    assert "Nothing fits what you asked for." in text_of(desk.get("/desk/reports/?q=nowhere"))


def test_the_queue_asks_as_little_of_the_database_however_long_it_is(
    desk: Client, ben: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        report = a_report(f"site-{number}.kz")
        leases.claim(log.subject_of(report), by=ben, at=timezone.now())
        make.snapshot({"url": f"https://other-{number}.kz/", "category_code": "NEWS"}, list=f"list-{number}")
        make.alarm(make.resource(f"gone-{number}.kz"), Alarm.Kind.GONE)
        act = make.act(str(number))
        proposals.propose(Operation.CORRECT, act, {"number": f"{number}-b"}, by=ben, reason="A letter.")
    for kind in ("proposals", "reports", "candidates", "alarms"):
        with django_assert_max_num_queries(18):
            assert len(desk.get(f"/desk/{kind}/").context["lines"]) == 25
        assert len(desk.get(f"/desk/{kind}/?page=2").context["lines"]) == 5


# --- leases at the desk


def test_a_row_is_claimed_and_another_person_sees_by_whom(desk: Client, ann: User, ben: User) -> None:
    report = a_report()
    answer = desk.post("/desk/reports/?sort=new", {"row": report.pk})
    assert answer.headers["Location"] == "/desk/reports/?sort=new"
    assert "you, until" in text_of(desk.get("/desk/reports/"))
    other = at_the_desk(ben)
    assert "ann is looking at it until" in text_of(other.get("/desk/reports/"))
    assert "ann is looking at it until" in text_of(other.post("/desk/reports/", {"row": report.pk}, follow=True))
    assert Lease.objects.get().holder == ann
    assert at_the_desk(an_editor("cyd", "view_report")).post("/desk/reports/", {"row": report.pk}).status_code == 403
    for nonsense in ("", "x", "9" * 30, "0"):
        assert other.post("/desk/reports/", {"row": nonsense}).status_code == 302


def test_whoever_decides_on_what_another_holds_is_told_and_loses_nothing_of_what_she_typed(
    desk: Client, ann: User, ben: User
) -> None:
    report = a_report()
    leases.claim(log.subject_of(report), by=ben, at=timezone.now())
    answer = desk.post(address(report), {**WHY, "do": "reject", "into": "17", "display": "full"})
    assert answer.status_code == 409
    assert "ben is looking at it until" in text_of(answer)
    page = answer.content.decode()
    assert WHY["reason"] in page
    assert 'value="17"' in page
    typed = {**WHY, "into": "17", "display": "withheld", "holder": ben.pk}
    refused = desk.post(address(report), {**typed, "do": "relieve", "why": "\0", "into": "\0"})
    assert refused.status_code == 409
    taken = desk.post(address(report), {**typed, "do": "relieve", "why": "It is urgent."})
    assert taken.status_code == 200
    assert WHY["reason"] in taken.content.decode()
    assert '<option value="withheld" selected>' in taken.content.decode()
    told = text_of(at_the_desk(ben).get("/desk/reports/"))
    assert re.search(r"ann took it over from you at \d\d:\d\d\. It is urgent\.", told)
    assert desk.post(address(report), {**typed, "do": "reject"}).status_code == 302
    assert not Lease.objects.exists()
    report.refresh_from_db()
    assert report.state == Report.State.REJECTED


def test_a_lease_is_let_go_and_one_that_ran_out_keeps_nobody_away(desk: Client, ann: User, ben: User) -> None:
    report = a_report()
    desk.post(address(report), {"do": "claim"})
    assert Lease.objects.get().holder == ann
    desk.post(address(report), {"do": "let_go"})
    assert not Lease.objects.exists()
    leases.claim(log.subject_of(report), by=ben, at=timezone.now() - timedelta(hours=1))
    assert "Nobody looks at it now." in text_of(desk.get(address(report)))
    assert desk.post(address(report), {**WHY, "do": "reject", "display": "full"}).status_code == 302


def test_what_is_decided_is_not_claimed(desk: Client, ann: User, ben: User) -> None:
    proposal = proposals.propose(Operation.CREATE, Act, {"key": "act-9", "type": "order"}, by=ben, reason="A letter.")
    proposals.refuse(proposal, by=ann, reason="It is not so.")
    report, alarm = a_report(), make.alarm(make.resource("gone.kz"), Alarm.Kind.GONE)
    moderation.reject(report, by=ann, reason="It opens everywhere.")
    Alarm.objects.update(closed_on="2026-03-02")
    for row in (proposal, report, alarm):
        kind = f"/desk/{row._meta.model_name}s/"
        page = desk.get(f"{kind}?state=all")
        assert names(page)
        assert 'name="row"' not in page.content.decode()
        told = desk.post(kind, {"row": row.pk}, follow=True)
        assert "It was decided already" in text_of(told)
        for sent in ({"do": "claim"}, {"do": "relieve", "holder": ben.pk, "why": "It is urgent."}):
            answer = desk.post(address(row), sent)
            assert answer.status_code == 409
            assert "It was decided already" in text_of(answer)
    assert not Lease.objects.exists()


def test_a_proposal_that_another_holds_is_not_agreed_to(desk: Client, ann: User, ben: User) -> None:
    row = proposals.propose(Operation.CREATE, Act, {"key": "act-9", "type": "order"}, by=ben, reason="A letter.")
    leases.claim(log.subject_of(row), by=an_editor("cyd"), at=timezone.now())
    sent = {"do": "approve", "sha256": row.sha256}
    answer = desk.post(address(row), sent)
    assert answer.status_code == 409
    assert "cyd is looking at it until" in text_of(answer)
    assert not Act.objects.exists()
    holder = Lease.objects.get().holder_id
    desk.post(address(row), {"do": "relieve", "holder": holder, "why": "It is urgent."})
    done = desk.post(address(row), sent, follow=True)
    assert done.redirect_chain == [(address(row), 302)]
    assert 'href="/en/acts/act-9/"' in done.content.decode()
    assert Act.objects.get().key == "act-9"
    assert not Lease.objects.exists()


def test_what_another_holds_is_left_out_where_many_are_decided_at_once(ann: User, ben: User) -> None:
    ann.user_permissions.add(*Permission.objects.filter(codename__in=["view_report", "view_candidate"]))
    desk, report, other = at_the_desk(ann), a_report("a.kz"), a_report("b.kz")
    leases.claim(log.subject_of(report), by=ben, at=timezone.now())
    page = desk.post(f"/desk/registry/report/decide/reject/?id={report.pk}&id={other.pk}", WHY, follow=True)
    assert "ben is looking at it until" in text_of(page)
    assert {one.name: one.state for one in Report.objects.all()} == {report.name: "new", other.name: "rejected"}
    candidate = a_candidate()
    leases.claim(log.subject_of(candidate), by=ben, at=timezone.now())
    page = desk.post(f"/desk/registry/candidate/decide/dismiss/?id={candidate.pk}", WHY, follow=True)
    assert "ben is looking at it until" in text_of(page)


# --- one report, one candidate


def test_a_report_is_shown_with_its_checks_and_what_resembles_it_side_by_side(desk: Client) -> None:
    report = a_report("m.orda.kz")
    control = make.vantage(make.network(64500), role=Vantage.Role.CONTROL)
    make.measurement(seen.visit(), report.target, by=make.run(control))
    make.verdict(make.measurement(seen.visit(), report.target))
    near, far = make.resource("orda.kz", display=Display.WITHHELD), make.resource("orda-news.com")
    make.resource("unlike.kz")
    make.restriction(near, make.act(), kind="court")
    page = desk.get(address(report))
    assert page.context["alike"] == [near, far]
    told = text_of(page)
    for words in (
        "It stopped today.",
        "The control opened it",
        "blocked",
        "court, status not known",
        "the name is withheld",
    ):
        assert words in told
    assert f'value="{near.pk}"' in page.content.decode()
    assert desk.get(f"{address(report)}?with={far.pk}").context["chosen"] == far
    assert 'href="https://m.orda.kz' not in page.content.decode()


def test_a_report_is_joined_rejected_or_taken_in(desk: Client) -> None:
    known = make.resource("orda.kz")
    joined, rejected, taken = a_report("m.orda.kz"), a_report("b.kz"), a_report("c.kz")
    Category.objects.create(code="DRUGS", name_kk="x", name_ru="x", name_en="x", display=Display.FULL)
    sent = {**WHY, "display": "full"}
    assert desk.post(address(joined), {**sent, "do": "join", "into": str(known.pk)}).status_code == 302
    assert desk.post(address(rejected), {**sent, "do": "reject"}).headers["Location"] == "/desk/reports/"
    accept = {**WHY, "do": "accept", "display": "withheld", "category": "DRUGS"}
    queue = desk.post(address(taken), accept, follow=True).content.decode()
    assert f'<a href="{address(taken)}">https://c.kz/ is decided.</a>' in queue
    assert {one.state for one in Report.objects.all()} == {"merged", "rejected", "accepted"}
    assert Coverage.objects.filter(resource=known).count() == 2
    new = Resource.objects.get(name="c.kz")
    assert f'/desk/registry/restriction/new/?resource={new.pk}"' in desk.get(address(taken)).content.decode()
    assert (new.display, new.category) == ("withheld", "DRUGS")
    assert "c.kz" not in "".join(LogEntry.objects.values_list("payload", flat=True))  # withheld from the first


def test_a_candidate_comes_with_its_lists_and_the_category_that_they_give(desk: Client) -> None:
    category = make.category("NEWS")
    candidate = a_candidate()
    page = desk.get(address(candidate))
    assert "citizenlab-kz" in text_of(page)
    assert f'<option value="{category.code}" selected>' in page.content.decode()
    desk.post(address(candidate), {**WHY, "do": "accept", "display": "domain_only", "category": ""})
    candidate.refresh_from_db()
    assert (candidate.state, candidate.resource.display, candidate.resource.category) == ("accepted", "domain_only", "")
    assert "in the register" in text_of(desk.get(address(candidate)))


def test_mistakes_are_told_beside_their_fields_and_nothing_is_decided(desk: Client) -> None:
    report, candidate = a_report(), a_candidate()
    for row in (report, candidate):
        for sent in ({"reason": "…"}, {**WHY, "display": "everything"}, {**WHY, "category": "NONE"}):
            answer = desk.post(address(row), {"display": "full", **sent, "do": "accept"})
            assert answer.status_code == 400
            assert answer.context["form"].errors
        answer = desk.post(address(row), {**WHY, "do": "join", "into": ""})
        assert answer.context["form"].errors["into"]
        row.refresh_from_db()
        assert row.state == row.State.NEW
    assert not Resource.objects.exists()


def test_who_is_slower_is_told_so_and_sees_what_was_decided(desk: Client, ben: User) -> None:
    report = a_report()
    moderation.reject(report, by=ben, reason="It opens everywhere.")
    answer = desk.post(address(report), {**WHY, "do": "accept", "display": "full"})
    assert answer.status_code == 409
    told = text_of(answer)
    assert "someone was faster" in told
    assert "ben: It opens everywhere." in told
    assert not Resource.objects.exists()


def test_names_and_records_are_told_as_people_call_them(desk: Client, ann: User) -> None:
    ann.user_permissions.add(*Permission.objects.filter(codename="change_problemreport"))
    report, basis = a_report("новости.қаз"), make.restriction(make.resource("orda.kz"))
    assert names(desk.get("/desk/reports/")) == ["https://новости.қаз/"]
    page = desk.get(address(report)).content.decode()
    assert "<h1><bdi>https://новости.қаз/</bdi></h1>" in page
    assert f"<code>{report.name}</code>" in page  # letters may look like others
    make.problem(basis, kind="danger", text="Her name is there.")
    make.problem(page="/matrix/")
    first, second = names(desk.get("/desk/problems/"))
    assert re.fullmatch(r"Read first: .+: restriction orda\.kz: Her name is there\.", first)
    assert re.fullmatch(r".+: /matrix/: It began a year earlier\.", second)


def test_the_page_of_the_tables_is_small_and_names_each_once() -> None:
    chief = User.objects.create_superuser("cyd")
    for language in ("kk", "ru", "en"):
        page = at_the_desk(chief, language).get("/desk/tables/")
        assert len(page.content) < 20_000
        links = re.findall(r'href="(/desk/(?:registry|checks|auth)/\w+/)"', page.content.decode())
        assert len(links) == len(set(links)) > 40


def test_the_tables_lead_to_the_page_at_the_desk() -> None:
    desk = at_the_desk(User.objects.create_superuser("cyd"))
    for row in (a_report(), a_candidate(), make.problem(make.resource("orda.kz"))):
        name = row._meta.model_name
        door = reverse(f"desk:{name}", args=[row.pk])
        assert f'href="{door}"' in desk.get(f"/desk/registry/{name}/{row.pk}/change/").content.decode()
        assert desk.get(door).status_code == 200


# --- one alarm


def test_an_alarm_leads_to_the_forms_that_put_the_record_right(desk: Client) -> None:
    one, act = make.resource("gone.kz"), make.act("9")
    row = make.restriction(one, act, began="2026-01-04")
    make.appeal(act, "reversed", decided="2026-02-10")
    alarm = make.alarm(one, kind=Alarm.Kind.REVERSED, act=act)
    page = desk.get(address(alarm))
    links = dict(page.context["remedies"])
    form = desk.get(next(url for title, url in links.items() if title.startswith("Correct the restriction")))
    assert '<option value="lifted" selected>' in form.content.decode()
    assert 'name="ended" value="2026-02-10"' in form.content.decode()
    row.refresh_from_db()
    assert row.status != "lifted"
    for url in links.values():
        assert desk.get(url).status_code in (200, 403)
    Alarm.objects.update(closed_on="2026-03-02")
    closed = desk.get(address(alarm))
    assert not closed.context["remedies"]
    assert "was closed by itself" in text_of(closed)


def test_an_alarm_on_what_was_withdrawn_waits_for_nobody(desk: Client) -> None:
    one = make.resource("gone.kz")
    basis = make.restriction(one)
    make.alarm(one, Alarm.Kind.ENDED)
    assert len(names(desk.get("/desk/alarms/"))) == 1
    make.withdrawn(basis)
    assert names(desk.get("/desk/alarms/")) == []
    assert len(names(desk.get("/desk/alarms/?state=all"))) == 1


# --- proposals that change more than one table


def test_two_entries_are_seen_and_joined_by_two() -> None:
    ann = an_editor("ann", "change_resource")
    one, other = make.resource("old.kz"), make.resource("new.kz")
    row = proposals.propose(Operation.MERGE, one, {"into": other.pk, "across_types": False}, by=ann, reason="One site.")
    desk, where = at_the_desk(an_editor("cyd", "change_resource")), f"/desk/proposals/{row.pk}/"
    page = text_of(desk.get(where))
    assert "Type old.kz" in page
    assert "new.kz" in page
    desk.post(where, {"do": "approve", "sha256": row.sha256, "typed": "old.kz"})
    assert [one.name for one in Resource.objects.all()] == ["new.kz"]


def test_a_probe_location_is_admitted_by_two_who_find_it_in_their_queue() -> None:
    make.network(9198)
    place = {"name": "astana-1", "asn": 9198, "role": "access", "region": ""}
    agreed = {"consent_on": "2026-11-20", "consent_version": "1"}
    fields = {**place, "key": "ab" * 32, "takes_unreviewed": False, **agreed}
    row = proposals.propose(Operation.ADMIT, None, fields, by=None, reason="A host.")
    where = f"/desk/proposals/{row.pk}/"
    other = at_the_desk(an_editor("legal"))
    assert where not in other.get("/desk/proposals/").content.decode()
    assert other.post(where, {"do": "approve", "sha256": row.sha256}).status_code == 403
    for name in ("dan", "eve"):
        desk = at_the_desk(an_editor(name, "change_ruleset"))
        listed = desk.get("/desk/proposals/")
        assert where in listed.content.decode()
        assert "Admit a probe location: astana-1" in text_of(listed)
        told = text_of(desk.get(where))
        for words in ("astana-1", "Public key", "Takes unreviewed names", "measures", "AS9198"):
            assert words in told
        assert "takes_unreviewed" not in told
        desk.post(where, {"do": "approve", "sha256": row.sha256})
    assert Vantage.objects.filter(name="astana-1").exists()


def test_of_two_keys_that_are_proposed_for_one_name_the_second_replaces_nothing() -> None:
    ann, ben = (an_editor(name, "change_ruleset") for name in ("ann", "ben"))
    make.network(9198, watched=False)
    place = {"name": "astana-1", "asn": 9198, "role": "access", "region": "", "takes_unreviewed": False}
    agreed = {"consent_on": "2026-11-20", "consent_version": "1"}
    first, second = (
        proposals.propose(Operation.ADMIT, None, {**place, **agreed, "key": key * 32}, by=ann, reason="A host.")
        for key in ("ab", "cd")
    )
    proposals.approve(first, sha256=first.sha256, by=ben)
    with pytest.raises(proposals.Changed):
        proposals.approve(second, sha256=second.sha256, by=ben)
    assert Vantage.objects.get().public_key == "ab" * 32
    renewed = proposals.propose(Operation.ADMIT, None, {**place, **agreed, "key": "ef" * 32}, by=ann, reason="Renew.")
    proposals.approve(renewed, sha256=renewed.sha256, by=ben)
    assert Vantage.objects.get().public_key == "ef" * 32


# --- in a browser


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "scheme"), [("kk", "light"), ("ru", "dark"), ("en", "light")])
def test_the_desk_is_open_to_everybody_and_works_from_the_keyboard(
    live_server: Any, chromium: str, ann: User, ben: User, language: str, scheme: Any
) -> None:
    """Nothing is recorded: what the log holds, no test in a browser takes back."""
    report, other = a_report("m.orda.kz"), a_report("b.kz")
    one = make.resource("orda.kz")
    make.restriction(one, make.act(), kind="court")
    alarm = make.alarm(one)
    leases.claim(log.subject_of(other), by=ben, at=timezone.now())
    ann.user_permissions.add(Permission.objects.get(codename="add_hiding"))
    cookies = {"sessionid": at_the_desk(ann).cookies["sessionid"].value, "django_language": language}
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(color_scheme=scheme)
        page.context.add_cookies(
            [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
        )
        page.on("pageerror", lambda error: found.append(str(error)))
        page.goto(f"{live_server.url}/desk/reports/")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.evaluate("document.activeElement.innerText") == report.name
        page.keyboard.press("/")
        page.keyboard.type("cj?")  # typed, and no key of the desk
        assert page.input_value("input[type=search]") == "cj?"
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("?")
        assert page.is_visible("#keys dl")
        in_cyrillic = r"{key: '\u043e', code: 'KeyJ', bubbles: true}"
        page.evaluate(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {in_cyrillic}))")
        with page.expect_navigation():
            page.keyboard.press("c")
        assert Lease.objects.get(subject=log.subject_of(report)).holder == ann
        page.keyboard.press("j")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.url.endswith(address(report))
        queues = ("/desk/", "/desk/alarms/", "/desk/proposals/", "/desk/hidings/")
        for where in (*queues, address(report), address(other), address(alarm), "/desk/hidings/new/"):
            page.goto(f"{live_server.url}{where}")
            answer = Axe().run(page, options={"runOnly": sorted(RULES)})
            found.extend(f"{where}: {one['id']} {one['nodes'][0]['html']}" for one in answer.response["violations"])
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    found.append(f"{where} is wider than {width} px")
        browser.close()
    assert not found
