"""The desk's door: a password and a code, sessions that end, and the code anew before an act that publishes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, connections
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import sync_playwright

from checks.models import Ruleset, Wave
from checks.verdict import rules
from registry import accounts, submissions
from registry.models import Candidate, Dispute, InformationRequest, LogEntry, Proposal, Report, RequestStep, Resource
from tests import make
from tests.conftest import CHROMIUM_FLAGS
from tests.web.test_every_page import RULES, WIDTHS

pytestmark = pytest.mark.django_db

ENGLISH = {"accept-language": "en"}
NOT_RIGHT = "The name, the password or the code is not right."
TOO_MANY = "Too many attempts to sign in came from your network. Try again in 60 minutes."
WITHIN = 'plain-button">Sign out'


@pytest.fixture(autouse=True)
def _fresh_rates() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def editor() -> User:
    return make.editor("view_report", "change_report")


@pytest.fixture
def desk(client: Client, editor: User) -> Client:
    return make.signed_in(client, editor)


def sign_in(
    client: Client, code: str, password: str = make.PASSWORD, name: str = "editor", address: str = "203.0.113.9"
) -> str:
    fields = {"username": name, "password": password, "code": code}
    answer = client.post("/desk/login/", fields, REMOTE_ADDR=address, headers=ENGLISH, follow=True)
    return str(answer.content.decode())


def is_in(client: Client) -> bool:
    return client.get("/desk/").status_code == 200


def wrong(code: str) -> str:
    """Six digits that no step of time near this one has, or nearly surely."""
    return f"{(int(code) + 500_000) % 1_000_000:06d}"


# --- the door


def test_a_password_and_a_code_open_the_desk(client: Client, editor: User) -> None:
    assert not is_in(client)
    assert WITHIN in sign_in(client, make.code_of(editor))
    assert is_in(client)


def test_whichever_is_wrong_the_words_are_the_same(client: Client, editor: User) -> None:
    good = make.code_of(editor)
    outsider, closed = make.editor(name="outsider"), make.editor(name="closed")
    User.objects.filter(pk=outsider.pk).update(is_staff=False)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    tried = [
        sign_in(client, good, name="nobody"),
        sign_in(client, good, "wrong"),
        sign_in(client, wrong(good)),
        sign_in(client, "abcd-efgh"),
        sign_in(client, wrong(good), "wrong"),
        sign_in(client, make.code_of(outsider), name="outsider"),
        sign_in(client, make.code_of(closed), name="closed"),
    ]
    pages = {re.sub(r'(name="csrfmiddlewaretoken" value|name="username" value)="\w+"', "", page) for page in tried}
    assert len(pages) == 1
    assert NOT_RIGHT in pages.pop()
    assert not is_in(client)


@pytest.mark.parametrize("code", ["", " ", "\0", "1" * 33])
def test_a_form_that_is_not_whole_tells_nothing_of_the_password(client: Client, editor: User, code: str) -> None:
    device = TOTPDevice.objects.create(user=editor)
    pages = {
        re.sub(r'csrfmiddlewaretoken" value="\w+"', "", sign_in(client, code, password))
        for password in (make.PASSWORD, "wrong")
    }
    assert len(pages) == 1
    assert NOT_RIGHT not in pages.pop()
    device.refresh_from_db()
    assert device.throttling_failure_count == 0


def test_what_was_typed_never_comes_back_with_the_page(client: Client, editor: User) -> None:
    code = wrong(make.code_of(editor))
    page = sign_in(client, code)
    assert code not in page
    assert make.PASSWORD not in page


def test_a_code_works_once(client: Client, editor: User) -> None:
    code = make.code_of(editor)
    assert WITHIN in sign_in(client, code)
    assert NOT_RIGHT in sign_in(Client(), code)


def test_the_code_of_another_editor_opens_nothing(client: Client, editor: User) -> None:
    other = make.editor(name="other")
    TOTPDevice.objects.create(user=editor)
    assert NOT_RIGHT in sign_in(client, make.code_of(other))
    assert WITHIN in sign_in(client, make.code_of(other), name="other")


def test_a_recovery_code_works_once_however_it_is_typed(client: Client, editor: User) -> None:
    factor, _ended = accounts.renew_factor(editor)
    first, second, *_left = factor.recovery_codes
    assert WITHIN in sign_in(client, first)
    assert NOT_RIGHT in sign_in(Client(), first)
    StaticDevice.objects.update(throttling_failure_count=0)
    assert WITHIN in sign_in(Client(), f" {second.upper().replace('-', ' ')} ")
    assert StaticToken.objects.count() == accounts.RECOVERY_CODES - 2


def test_the_database_has_no_recovery_code_that_could_be_typed(client: Client, editor: User) -> None:
    factor, _ended = accounts.renew_factor(editor)
    kept = list(StaticToken.objects.values_list("token", flat=True))
    assert len(set(kept)) == accounts.RECOVERY_CODES
    typed = {code.replace("-", "") for code in factor.recovery_codes}
    assert not typed & set(kept)
    assert NOT_RIGHT in sign_in(client, kept[0])


@pytest.mark.parametrize("code", ["１２３４５６", "12345", "1234567", "-12345", "0x1f40", "' OR 1"])
def test_what_is_no_code_is_not_right(client: Client, editor: User, code: str) -> None:
    accounts.renew_factor(editor)
    assert NOT_RIGHT in sign_in(client, code)


def addresses(patterns: Iterable[Any], before: str) -> Iterator[str]:
    """All that the desk answers, with 1 for each argument."""
    for one in patterns:
        route = before + re.sub(r"<[^>]*>", "1", str(one.pattern))
        if hasattr(one, "url_patterns"):
            yield from addresses(one.url_patterns, route)
        elif "(?P1" not in route:  # two that take any word
            yield route


def test_who_has_no_second_factor_sees_and_does_nothing(client: Client) -> None:
    """Not even a superuser whose session knows the password: every address of the desk leads to the form."""
    client.force_login(User.objects.create_superuser("chief", password=make.PASSWORD))
    report = a_report()
    everything = [*addresses(admin.site.get_urls(), "/desk/"), "/desk/registry/", "/desk/no-such-page/"]
    everything.append(f"/desk/registry/report/decide/accept/?id={report.pk}")
    for act in ("describe", "merge", "correct", "decide", "changes", "draft", "step"):
        assert any(f"/{act}/" in one for one in everything)
    for address in everything:
        for answer in (client.get(address), client.post(address, {"reason": "why"})):
            if address == "/desk/login/":
                assert answer.status_code == 200
                continue
            assert answer.status_code == 302, address
            where = "/desk/" if address == "/desk/logout/" else f"/desk/login/?next={quote(address)}"
            assert answer.headers["Location"] == where
    report.refresh_from_db()
    assert report.state == Report.State.NEW
    assert NOT_RIGHT in sign_in(client, "123456", name="chief")


def test_no_password_secret_or_code_is_made_or_shown_at_the_desk(client: Client) -> None:
    chief = User.objects.create_superuser("chief")
    make.signed_in(client, chief)
    for address in ("otp_totp/totpdevice/", "otp_static/staticdevice/"):
        assert client.get(f"/desk/{address}").status_code == 404
    assert "password1" not in client.get(f"/desk/auth/user/{chief.pk}/password/", follow=True).content.decode()
    assert client.get("/desk/auth/user/add/").status_code == 403
    page = client.get(f"/desk/auth/user/{chief.pk}/change/").content.decode()
    assert "chief" in page
    assert "md5$" not in page
    assert client.post(f"/desk/auth/user/{chief.pk}/change/", {"username": "x"}).status_code == 403


def test_who_asked_to_be_led_elsewhere_is_led_to_the_desk(client: Client, editor: User) -> None:
    fields = {"username": "editor", "password": make.PASSWORD, "code": make.code_of(editor)}
    answer = client.post("/desk/login/", {**fields, "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/desk/"


# --- guessing


def test_passwords_cannot_be_guessed_at_leisure_and_no_address_is_stored(client: Client, editor: User) -> None:
    code = make.code_of(editor)
    for _ in range(10):
        assert NOT_RIGHT in sign_in(client, code, "wrong")
    for password in ("wrong", make.PASSWORD):  # the answer must not tell which was right
        assert TOO_MANY in sign_in(client, code, password)
    assert "203.0.113" not in repr(cache._cache)  # type: ignore[attr-defined]


def test_many_names_from_one_address_are_too_many_attempts_too(client: Client, editor: User) -> None:
    for number in range(30):
        sign_in(client, "123456", "wrong", f"editor-{number}")
    assert "Too many attempts" in sign_in(client, make.code_of(editor))


def test_strangers_who_fail_for_an_editor_do_not_keep_her_out(client: Client, editor: User) -> None:
    """Without the password no code is tried, so none counts against her."""
    code = make.code_of(editor)
    for _ in range(100):
        assert NOT_RIGHT in sign_in(client, wrong(code), "wrong", address=make.address())
    assert WITHIN in sign_in(client, make.code_of(editor))


def test_of_a_thousand_codes_of_a_thief_of_the_password_few_are_tried(client: Client, editor: User) -> None:
    device = TOTPDevice.objects.create(user=editor)
    for _ in range(1_000):
        assert NOT_RIGHT in sign_in(client, wrong(make.code_of(editor)), address=make.address())
    device.refresh_from_db()
    assert 1 <= device.throttling_failure_count < 15  # each wait is twice the one before
    TOTPDevice.objects.update(throttling_failure_count=15)  # however long the thousand took
    assert NOT_RIGHT in sign_in(client, make.code_of(editor))
    factor, _ended = accounts.renew_factor(editor)
    assert WITHIN in sign_in(client, factor.recovery_codes[0])


def test_nothing_of_codes_and_passwords_is_in_the_log(
    client: Client, editor: User, caplog: pytest.LogCaptureFixture
) -> None:
    factor, _ended = accounts.renew_factor(editor)
    good = make.code_of(editor)
    with caplog.at_level(logging.DEBUG):
        for code in (wrong(good), factor.recovery_codes[0], good):
            TOTPDevice.objects.update(throttling_failure_count=0)
            sign_in(client, code)
        make.stale(client)
        client.post("/desk/registry/report/decide/accept/", {"one_time_code": wrong(good)})
    for secret in (good, wrong(good), factor.recovery_codes[0], factor.secret, make.PASSWORD):
        assert secret not in caplog.text


@pytest.mark.skipif(connection.vendor != "postgresql", reason="two connections cannot write to a database in memory")
def test_of_many_who_send_one_code_at_once_one_comes_in() -> None:
    """Each on a connection of its own, which sees what the others committed."""

    def apart(act: Callable[[], Any]) -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        editor = pool.submit(apart, partial(make.editor, name="at-once")).result()
        try:
            code = pool.submit(apart, partial(make.code_of, editor)).result()
            devices = list(pool.map(apart, [partial(accounts.take_code, editor, code)] * 8))
        finally:
            pool.submit(apart, editor.delete).result()
    assert len([one for one in devices if one]) == 1


# --- how long it lasts


def test_an_idle_session_ends_and_one_that_is_used_goes_on(desk: Client) -> None:
    minute = timedelta(minutes=1)
    rows = Session.objects.filter(pk=desk.session.session_key)
    assert abs(rows.get().expire_date - timezone.now() - 30 * minute) < minute
    session = desk.session
    session.set_expiry(timezone.now() + 5 * minute)  # 25 minutes later
    session.save()
    assert is_in(desk)
    assert abs(rows.get().expire_date - timezone.now() - 30 * minute) < minute
    Session.objects.update(expire_date=F("expire_date") - 31 * minute)
    assert not is_in(desk)


def test_every_session_ends_after_twelve_hours(desk: Client) -> None:
    session = desk.session
    session["signed_in_at"] -= 11 * 3600 + 50 * 60
    session.set_expiry(timezone.now() + timedelta(minutes=2))
    session.save()
    assert is_in(desk)
    left = Session.objects.get().expire_date - timezone.now()
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


def test_whoever_signs_in_clears_away_what_ended(desk: Client, editor: User) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))
    make.signed_in(Client(), editor)
    assert Session.objects.count() == 1


def test_no_page_of_the_public_learns_that_its_reader_is_an_editor(client: Client, editor: User) -> None:
    fields = {"username": "editor", "password": make.PASSWORD, "code": make.code_of(editor)}
    cookie = client.post("/desk/login/", fields).cookies["sessionid"]
    assert cookie["path"] == "/desk/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert "sessionid" not in client.get("/en/").cookies


def test_the_session_of_a_closed_account_ends(desk: Client, editor: User) -> None:
    assert accounts.close(editor) == 1
    assert not is_in(desk)
    assert NOT_RIGHT in sign_in(desk, make.code_of(editor))


def test_an_account_that_is_closed_by_its_row_alone_is_shut_out_too(desk: Client, editor: User) -> None:
    User.objects.update(is_active=False)
    assert not is_in(desk)


def test_a_new_factor_ends_the_sessions_of_its_owner_and_of_nobody_else(desk: Client, editor: User) -> None:
    other = make.signed_in(Client(), make.editor(name="other"))
    factor, ended = accounts.renew_factor(editor)
    assert ended == 1
    assert (is_in(desk), is_in(other)) == (False, True)
    assert WITHIN in sign_in(desk, factor.recovery_codes[0])


def test_a_factor_that_is_taken_away_shuts_its_owner_out(desk: Client) -> None:
    TOTPDevice.objects.all().delete()
    assert not is_in(desk)


def test_who_changes_her_password_stays_and_her_other_sessions_end(desk: Client, editor: User) -> None:
    elsewhere = make.signed_in(Client(), editor)
    desk = make.signed_in(Client(), editor)  # the helper sets the password anew, with another salt
    assert not is_in(elsewhere)
    elsewhere.post(
        "/desk/login/",
        {"username": "editor", "password": make.PASSWORD, "code": make.code_of(editor)},
        REMOTE_ADDR=make.address(),
    )
    assert is_in(elsewhere)
    new = "quite another password"
    fields = {"old_password": make.PASSWORD, "new_password1": new, "new_password2": new}
    assert desk.post("/desk/password_change/", fields).status_code == 302
    assert (is_in(desk), is_in(elsewhere)) == (True, False)


def test_no_password_is_changed_without_a_fresh_code(desk: Client, editor: User) -> None:
    page, new = "/desk/password_change/", "quite another password"
    fields = {"old_password": make.PASSWORD, "new_password1": new, "new_password2": new}
    assert "one_time_code" not in desk.get(page).content.decode()
    make.stale(desk)
    assert 'name="one_time_code"' in desk.get(page).content.decode()
    for more in ({}, {"one_time_code": wrong(make.code_of(editor))}):
        answer = desk.post(page, fields | more, headers=ENGLISH)
        assert answer.status_code == 400
        assert new not in answer.content.decode()
        assert User.objects.get(pk=editor.pk).check_password(make.PASSWORD)
    TOTPDevice.objects.update(throttling_failure_count=0)
    mistaken = desk.post(page, {**fields, "new_password2": "else", "one_time_code": make.code_of(editor)})
    assert mistaken.status_code == 400
    assert "one_time_code" not in mistaken.content.decode()  # the code was not given in vain
    assert "Your password is changed." in desk.post(page, fields, follow=True, headers=ENGLISH).content.decode()
    assert User.objects.get(pk=editor.pk).check_password(new)


def test_what_is_wrong_with_a_new_password_is_said_in_the_language_of_the_page(desk: Client) -> None:
    good = {"old_password": make.PASSWORD, "new_password1": "quite another", "new_password2": "quite another"}
    english = []
    for language in ("en", "kk", "ru"):
        desk.cookies["django_language"] = language
        for mistake in (
            {"old_password": "x"},
            {"new_password2": "quite other"},
            {"new_password1": "short", "new_password2": "short"},
            {"new_password1": "qwerty123456", "new_password2": "qwerty123456"},
            {"new_password1": ""},
        ):
            answer = desk.post("/desk/password_change/", good | mistake)
            assert answer.status_code == 400
            told = " ".join(*answer.context["form"].errors.values())
            assert told in answer.content.decode()
            english += [told] if language == "en" else []
            assert language == "en" or not re.search("[a-z]", told)
    assert english == [
        "This is not your password.",
        "The two are not the same.",
        *["At least 12 characters, and none of the passwords that many use."] * 2,
        "Fill this in.",
    ]


# --- the code anew


def a_report() -> Report:
    return submissions.receive("orda.kz", note="It stopped today.", at=make.AT).report


@dataclass(frozen=True)
class Act:
    """A deciding page, what is sent there beside a reason, and what shows that it was done."""

    address: str
    done: Callable[[], object]
    fields: dict[str, Any] = field(default_factory=dict)


def on_report() -> Act:
    address = f"/desk/registry/report/decide/reject/?id={a_report().pk}"
    return Act(address, Report.objects.filter(state=Report.State.REJECTED).exists)


def on_candidate() -> Act:
    make.snapshot(make.entry(1, "https://exclusive.kz/page"))
    address = f"/desk/registry/candidate/decide/dismiss/?id={Candidate.objects.get().pk}"
    return Act(address, Candidate.objects.filter(state=Candidate.State.DISMISSED).exists)


def on_episode() -> Act:
    row = make.episode(make.resource(), make.network())
    return Act(f"/desk/checks/episode/mark/dispute/?id={row.pk}", Dispute.objects.exists)


def on_wave() -> Act:
    row = make.wave(make.network())
    done = Wave.objects.filter(state=Wave.State.DISMISSED).exists
    return Act(f"/desk/checks/wave/{row.pk}/decide/dismiss/", done)


def on_ruleset() -> Act:
    """Nothing was measured, so all of it is judged under the new one."""
    row = Ruleset.objects.create(name=NEW_RULESET, begun_at=timezone.now())
    return Act(f"/desk/checks/ruleset/{row.pk}/changes/", lambda: Ruleset.objects.get(pk=row.pk).made_current_at)


def of_resource() -> Act:
    one = make.resource()
    return Act(
        f"/desk/registry/resource/{one.pk}/describe/",
        Resource.objects.filter(languages=["kk"]).exists,
        {"languages": "kk"},
    )


def of_two_resources() -> Act:
    one, other = make.resource("old.kz"), make.resource("new.kz")
    return Act(
        f"/desk/registry/resource/{one.pk}/merge/",
        Proposal.objects.exists,  # another person agrees to it
        {"into": str(other.pk), "confirmed": str(other.pk)},
    )


def of_a_new_request() -> Act:
    fields = {"about": f"resource/{make.resource().pk}", "asks": "whether_act", "addressee": "Beeline"}
    return Act(
        "/desk/registry/informationrequest/draft/",
        InformationRequest.objects.exists,
        {**fields, "procedure": "request", "language": "kk"},
    )


def of_a_step() -> Act:
    row = make.request(None, ("drafted", "2026-02-01"))
    return Act(
        f"/desk/registry/informationrequest/{row.pk}/step/",
        RequestStep.objects.filter(kind=RequestStep.Kind.SENT).exists,
        {"kind": "sent", "date": "2026-02-02"},
    )


def of_a_withdrawal() -> Act:
    row = make.request()
    address = f"/desk/registry/informationrequest/{row.pk}/withdraw/"
    return Act(address, InformationRequest.objects.exclude(withdrawn="").exists)


ACTS = [
    *(on_report, on_candidate, on_episode, on_wave, on_ruleset, of_resource, of_two_resources),
    *(of_a_new_request, of_a_step, of_a_withdrawal),
]
NEW_RULESET = "2099-01"
REASON = "seen on two networks"
ASKED = "It is asked for because the last one was given more than 15 minutes ago."


@pytest.fixture
def chief() -> User:
    return User.objects.create_superuser("chief")


@pytest.mark.parametrize("prepared", ACTS)
def test_no_act_is_done_without_a_fresh_code_and_nothing_is_lost(
    client: Client, chief: User, prepared: Callable[[], Act], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rules.RULESETS, NEW_RULESET, rules.RULES)
    act = prepared()
    desk = make.stale(make.signed_in(client, chief))
    before = LogEntry.objects.count()
    sent = {**act.fields, "reason": REASON}
    for more in ({}, {"one_time_code": ""}, {"one_time_code": wrong(make.code_of(chief))}):
        page = desk.post(act.address, {**sent, **more}, headers=ENGLISH).content.decode()
        assert ASKED in page
        assert 'name="one_time_code"' in page
        assert "This was not done yet; see below." in page
        assert REASON in page
        assert all(value in page for value in act.fields.values())
        assert (act.done() or None, LogEntry.objects.count()) == (None, before)
    TOTPDevice.objects.update(throttling_failure_count=0)
    answer = desk.post(act.address, {**sent, "one_time_code": make.code_of(chief)}, headers=ENGLISH)
    assert answer.status_code == 302
    assert act.done()


def test_the_page_asks_for_the_code_before_anything_is_written(desk: Client) -> None:
    address = on_report().address
    assert "one_time_code" not in desk.get(address).content.decode()
    page = make.stale(desk).get(address, headers=ENGLISH).content.decode()
    assert 'name="one_time_code"' in page
    assert ASKED in page
    assert "This was not done yet" not in page


def test_a_code_is_fresh_for_a_quarter_of_an_hour(desk: Client) -> None:
    act = on_report()
    make.stale(desk, minutes=14)
    assert desk.post(act.address, {"reason": REASON}).status_code == 302
    assert act.done()


def test_a_code_that_came_with_an_unfinished_form_is_not_asked_for_again(desk: Client, editor: User) -> None:
    act = on_report()
    make.stale(desk)
    page = desk.post(act.address, {"reason": "", "one_time_code": make.code_of(editor)}).content.decode()
    assert "one_time_code" not in page
    assert not act.done()
    assert desk.post(act.address, {"reason": REASON}).status_code == 302


def test_two_entries_are_compared_without_a_code(client: Client, chief: User) -> None:
    act = of_two_resources()
    desk = make.stale(make.signed_in(client, chief))
    page = desk.post(act.address, {"into": act.fields["into"]}).content.decode()
    assert "new.kz" in page
    assert 'name="one_time_code"' in page
    assert "one_time_code" not in desk.get(act.address).content.decode()


def test_a_recovery_code_makes_a_session_fresh_once(desk: Client, editor: User) -> None:
    factor, _ended = accounts.renew_factor(editor)
    sign_in(desk, factor.recovery_codes[0])
    act = on_report()
    make.stale(desk)
    sent = {"reason": REASON, "one_time_code": factor.recovery_codes[0]}
    assert "one_time_code" in desk.post(act.address, sent).content.decode()
    StaticDevice.objects.update(throttling_failure_count=0)
    assert desk.post(act.address, {**sent, "one_time_code": factor.recovery_codes[1]}).status_code == 302
    assert act.done()


def test_the_code_of_another_editor_makes_no_session_fresh(desk: Client) -> None:
    act, other = on_report(), make.editor(name="other")
    make.stale(desk)
    desk.post(act.address, {"reason": REASON, "one_time_code": make.code_of(other)})
    assert not act.done()


def test_a_stolen_session_publishes_nothing_and_ends_when_its_owner_gives_a_code(desk: Client, editor: User) -> None:
    act = on_report()
    make.stale(desk)
    thief = Client()
    thief.cookies["sessionid"] = desk.cookies["sessionid"].value
    assert is_in(thief)
    for number in range(100):
        thief.post(act.address, {"reason": REASON, "one_time_code": f"{number:06d}"})
    assert not act.done()
    assert TOTPDevice.objects.get().throttling_failure_count < 15
    TOTPDevice.objects.update(throttling_failure_count=0)
    assert desk.post(act.address, {"reason": REASON, "one_time_code": make.code_of(editor)}).status_code == 302
    assert (is_in(desk), is_in(thief)) == (True, False)


# --- as people see it


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_form_is_open_to_everybody_on_a_phone_as_on_a_desk(live_server: Any, chromium: str, language: str) -> None:
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(locale=language)
        page.on("console", lambda message: found.append(message.text))
        page.goto(f"{live_server.url}/desk/")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            answer = Axe().run(page, options={"runOnly": sorted(RULES)})
            found.extend(f"{one['id']} {one['nodes'][0]['html']}" for one in answer.response["violations"])
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"wider than {width} px")
        assert page.get_attribute("#id_code", "autocomplete") == "one-time-code"
        browser.close()
    assert found == []
