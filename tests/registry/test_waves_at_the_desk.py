"""A wave becomes an event only by an editor's decision, with a reason, and the log tells both."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from playwright.sync_api import sync_playwright

from checks.models import Import, Network, Ruleset, Vantage, Wave
from registry import moderation, offers
from registry.models import Event, LogEntry, Source
from tests import make
from tests.conftest import CHROMIUM_FLAGS
from tests.verdict import make as seen

pytestmark = pytest.mark.django_db

AT, HOUR, DAY = make.AT, timedelta(hours=1), timedelta(days=1)
REASON = "three operators at once"
NAMES = {"kk": "Толқын", "ru": "Волна", "en": "A wave"}
DESK = "/desk/checks/wave/"


@pytest.fixture(autouse=True)
def _fresh_rates() -> None:
    cache.clear()


@pytest.fixture
def editor() -> User:
    return make.editor("view_wave", "change_wave")


@pytest.fixture
def desk(client: Client, editor: User) -> Client:
    return make.signed_in(client, editor)


def networks() -> tuple[Network, ...]:
    return make.network(9198, brand="Kazakhtelecom"), make.network(29355, brand="Kcell")


def logged() -> list[dict[str, Any]]:
    return [json.loads(entry.payload) for entry in LogEntry.objects.order_by("pk")]


def accepted(wave: Wave, by: User) -> Event:
    return moderation.accept_wave(wave, by=by, reason=REASON, names=NAMES)


# --- decisions


def test_an_accepted_wave_is_an_event_of_what_was_measured(editor: User) -> None:
    gaps = [make.interval(AT, AT + 4 * HOUR), make.interval(AT + 9 * HOUR, AT + 20 * HOUR)]
    wave = make.wave(*networks(), intervals=gaps)
    event = accepted(wave, editor)
    wave.refresh_from_db()
    assert (wave.state, wave.event) == (Wave.State.ACCEPTED, event)
    assert (event.type, event.confidence, event.name_ru) == ("wave", "low", "Волна")
    assert (event.began, event.ended, event.intervals) == ("2026-03-01", "2026-03-02", gaps)
    assert set(event.networks.values_list("asn", flat=True)) == {9198, 29355}
    assert {source.url for source in event.sources.all()} == {
        f"http://127.0.0.1:8000/en/episodes/?network={asn}" for asn in (9198, 29355)
    }
    assert "6 sites stopped opening; 20 were measured there." in event.fact
    [entry] = logged()
    assert (entry["operation"], entry["subject"]) == ("create", f"event/{event.pk}")
    assert (entry["reason"], entry["by"]) == (REASON, f"editor-{editor.pk}")
    assert (entry["after"]["networks"], entry["after"]["intervals"]) == ([9198, 29355], gaps)


def test_a_dismissed_wave_is_no_event_and_the_log_says_why(editor: User) -> None:
    wave = make.wave(*networks())
    wave.targets.add(make.target("casino.kz"))
    moderation.dismiss_wave(wave, by=editor, reason="a cable broke")
    wave.refresh_from_db()
    assert wave.state == Wave.State.DISMISSED
    assert not Event.objects.exists()
    [entry] = logged()
    assert (entry["operation"], entry["subject"], entry["reason"]) == ("dismiss", f"wave/{wave.pk}", "a cable broke")
    assert entry["after"]["networks"] == [9198, 29355]
    assert "casino" not in json.dumps(entry)


ACTS = {
    "accept": accepted,
    "dismiss": lambda wave, by: moderation.dismiss_wave(wave, by=by, reason=REASON),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_who_decides_second_is_refused_and_leaves_nothing_behind(act: Any, editor: User) -> None:
    wave = make.wave()
    moderation.dismiss_wave(Wave.objects.get(), by=editor, reason="noise")
    with pytest.raises(moderation.NotWaiting):
        act(wave, editor)
    assert Wave.objects.get().state == Wave.State.DISMISSED
    assert len(logged()) == 1
    assert not Event.objects.exists()
    assert not Source.objects.exists()


@pytest.mark.parametrize("reason", ["", " \n"])
def test_no_decision_on_a_wave_without_a_reason(reason: str, editor: User) -> None:
    wave = make.wave()
    with pytest.raises(moderation.NoReason):
        moderation.accept_wave(wave, by=editor, reason=reason, names=NAMES)
    with pytest.raises(moderation.NoReason):
        moderation.dismiss_wave(wave, by=editor, reason=reason)
    assert Wave.objects.get().state == Wave.State.NEW
    assert not Event.objects.exists()
    assert not logged()


def test_an_event_says_what_was_seen_since_when_an_editor_says_so(editor: User) -> None:
    wave = make.wave(*networks())
    event = accepted(wave, editor)
    with pytest.raises(moderation.NotWaiting):
        moderation.renew_event(wave, by=editor, reason="again")
    Wave.objects.update(intervals=[make.interval(AT, AT + 4 * HOUR)])
    wave.networks.add(make.network(21299))
    event.refresh_from_db()
    assert event.ended == ""
    moderation.renew_event(Wave.objects.get(), by=editor, reason="it ended")
    event.refresh_from_db()
    assert (event.ended, event.networks.count(), event.name_ru) == ("2026-03-01", 3, "Волна")
    assert [entry["operation"] for entry in logged()] == ["create", "correct"]


TYPES = [
    ({"direction": "silence"}, "shutdown"),
    ({"direction": "unblock"}, "unblocking"),
    ({"mechanisms": ["tls.timeout.sni", "tls.throttle.sni"]}, "wave"),
    ({"mechanisms": ["tls.throttle.sni", "http.throttle.host"]}, "throttling"),
    ({"mechanisms": ["tls.mitm.ca_signed"]}, "interception"),
    ({"mechanisms": []}, "wave"),
]


@pytest.mark.parametrize(("fields", "kind"), TYPES)
def test_the_type_of_the_event_follows_from_what_was_seen(fields: Any, kind: str) -> None:
    assert offers.event_type(make.wave(**fields)) == kind


DATES = [
    ("2022-01-05T10:30:00+00:00", "2022-01-05T11:00:00+00:00", "2022-01-05"),
    ("2022-01-05T17:30:00+00:00", "2022-01-05T18:30:00+00:00", "2022-01"),  # midnight in Almaty lies between
    ("2021-12-20T00:00:00+00:00", "2022-01-05T00:00:00+00:00", ""),
    ("2022-02-20T00:00:00+00:00", "2022-03-05T00:00:00+00:00", "2022"),
]


@pytest.mark.parametrize(("not_before", "at", "date"), DATES)
def test_a_date_is_no_more_exact_than_the_measurements_around_it(not_before: str, at: str, date: str) -> None:
    assert offers.exact_date(not_before, at) == date


@pytest.mark.parametrize("direction", Wave.Direction.values)
@pytest.mark.parametrize("hosts", [1, 2, 5])
def test_what_was_seen_is_told_in_three_languages(direction: str, hosts: int) -> None:
    wave = make.wave(direction=direction, hosts=hosts, vantages=hosts, intervals=[make.interval(AT, AT + HOUR)])
    told = {}
    for language in ("kk", "ru", "en"):
        with translation.override(language):
            told[language] = offers.told(wave)
    assert len(set(told.values())) == 3
    assert all("%" not in text for text in told.values())
    names = offers.names(wave)
    assert len(set(names.values())) == 3
    assert "1 March 2026" in names["en"]


def test_a_silence_is_never_told_as_a_block_or_as_access() -> None:
    with translation.override("en"):
        told = offers.told(make.wave(direction="silence", vantages=3))
    assert "Nothing came from 1 of 4 networks that had delivered regularly." in told
    assert "only its way to us" in told
    assert not any(word in told for word in ("block", "open", "reach", "accessible"))


# --- at the desk


def test_waves_wait_at_the_desk_with_what_was_seen(desk: Client) -> None:
    wave = make.wave(*networks())
    wave.targets.add(make.target("orda.kz"))
    page = desk.get(DESK, headers={"accept-language": "en"}).content.decode()
    assert "many sites on many networks" in page
    page = desk.get(f"{DESK}{wave.pk}/change/", headers={"accept-language": "en"}).content.decode()
    assert "6 sites stopped opening; 20 were measured there. It was seen on 2 of 4 networks" in page
    assert '<a href="/en/episodes/?network=9198">Kazakhtelecom (AS9198)</a>' in page
    assert "<bdi>orda.kz</bdi>" in page
    assert 'href="https://orda.kz' not in page
    assert f"{DESK}{wave.pk}/decide/accept/" in page
    assert "<input" not in page.partition('id="content-main"')[2].partition("</form>")[0].replace(
        '<input type="hidden"', ""
    )


def test_an_editor_makes_an_event_of_a_wave(desk: Client) -> None:
    wave = make.wave(*networks())
    address = f"{DESK}{wave.pk}/decide/accept/"
    page = desk.get(address, headers={"accept-language": "en"}).content.decode()
    assert "Many sites unreachable at once, 1 March 2026" in page
    names = {f"name_{language}": name for language, name in NAMES.items()}
    answer = desk.post(address, {**names, "reason": ""})
    assert answer.context["form"].errors["reason"]
    desk.post(address, {**names, "reason": REASON})
    event = Event.objects.get()
    assert event.name_kk == "Толқын"
    page = desk.get(f"{DESK}{wave.pk}/change/", headers={"accept-language": "en"}).content.decode()
    assert f"/events/{event.key}" in page
    assert REASON in page
    assert "decide/accept" not in page
    answer = desk.post(address, {**names, "reason": REASON}, follow=True, headers={"accept-language": "en"})
    assert "decided already" in " ".join(str(one) for one in answer.context["messages"])
    assert Event.objects.count() == 1


def test_the_desk_offers_to_renew_an_event_only_when_more_was_seen(desk: Client, editor: User) -> None:
    wave = make.wave(*networks())
    accepted(wave, editor)
    renew = f"{DESK}{wave.pk}/decide/renew/"
    assert renew not in desk.get(f"{DESK}{wave.pk}/change/").content.decode()
    Wave.objects.update(intervals=[make.interval(AT, AT + DAY)])
    assert renew in desk.get(f"{DESK}{wave.pk}/change/").content.decode()
    desk.post(renew, {"reason": "it ended"})
    assert Event.objects.get().ended == "2026-03-02"


def test_who_may_only_look_decides_on_no_wave(client: Client) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_wave"))
    make.signed_in(client, reader)
    wave = make.wave()
    assert "decide/" not in client.get(f"{DESK}{wave.pk}/change/").content.decode()
    assert client.post(f"{DESK}{wave.pk}/decide/dismiss/", {"reason": "noise"}).status_code == 403
    assert Wave.objects.get().state == Wave.State.NEW


def test_what_is_no_wave_or_no_act_is_not_found(desk: Client) -> None:
    wave = make.wave()
    assert desk.get(f"{DESK}{wave.pk}/decide/publish/").status_code == 404
    assert desk.get(f"{DESK}{wave.pk + 1}/decide/accept/").status_code == 404


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_an_editor_dismisses_a_wave_in_a_real_browser(live_server: Any, chromium: str, editor: User) -> None:
    wave = make.wave(*networks())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(locale="en")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}{DESK}{wave.pk}/change/")
        page.fill("#id_username", "editor")
        page.fill("#id_password", make.PASSWORD)
        page.fill("#id_code", make.code_of(editor))
        page.click("input[type=submit]")
        page.click(".object-tools >> text=Make an event of it")  # looked at only: what the log holds stays
        assert page.input_value("#id_name_ru") == "Одновременная недоступность многих сайтов, 1\u00a0марта 2026\u00a0г."
        page.click("text=Back")
        page.wait_for_selector(".object-tools >> text=Dismiss it")
        browser.close()
    assert not complaints


# --- in public


def public_pages(client: Client) -> str:
    pages = ("", "events/", "networks/", "networks/9198/", "episodes/", "matrix/")
    texts = [client.get(f"/en/{page}").content.decode() for page in pages]
    return "".join([*texts, client.get("/api/v1/events").content.decode()])


def test_a_wave_that_no_editor_accepted_is_public_nowhere(client: Client, editor: User) -> None:
    wave = make.wave(*networks())
    before = public_pages(client)
    moderation.dismiss_wave(wave, by=editor, reason="a cable broke")
    make.wave(*networks(), began_at=AT - 9 * DAY)
    after = public_pages(client)
    for page in (before, after):
        assert "No event is in the register yet." in page
        assert "stopped opening" not in page
    assert client.get("/api/v1/events").json()["results"] == []


@pytest.mark.parametrize("theirs", [True, False])
def test_an_event_that_rests_on_oonis_measurements_names_ooni(client: Client, editor: User, theirs: bool) -> None:
    on = make.network(9198)
    fields = {"source": Vantage.Source.OONI, "state": "imported", "public_key": None} if theirs else {}
    by = make.vantage(on, **fields)
    target = make.target("site-1.kz")
    witness = make.measurement(seen.visit(), target, by=make.run(by))
    make.episode(target, on, witnesses=[str(witness.pk)])
    wave = make.wave(on)
    wave.targets.set([target])
    page = client.get(f"/en/events/{accepted(wave, editor).key}/").content.decode()
    assert ("measurements of OONI’s probes" in page and "CC BY-NC-SA 4.0" in page) is theirs


def test_the_desk_has_no_english_column_and_no_plural_after_a_number_in_kazakh(client: Client) -> None:
    make.signed_in(client, User.objects.create_superuser("chief"))
    Ruleset.objects.create(name="2026-11", begun_at=AT, made_current_at=AT)
    make.episode(make.target("site-1.kz"), make.network(), began=AT)
    Import.objects.create(file="ooni.jsonl", began_at=AT)
    make.wave(began_at=AT)
    make.wave(began_at=AT - 9 * DAY)
    for table in ("import", "ruleset", "episode", "wave"):
        page = client.get(f"/desk/checks/{table}/", headers={"accept-language": "kk"}).content.decode()
        heads = re.findall(r'<div class="text">(.*?)</div>', page, re.DOTALL)
        told = [re.sub(r"<[^>]*>", "", head).strip() for head in heads]
        assert len(told) > 3
        assert [head for head in told if re.search("[A-Za-z]", head)] == [], table
    assert "Толқындар: 2" in page
    assert "2 толқындар" not in page


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_an_event_with_gaps_shows_each_of_its_stretches(client: Client, editor: User, language: str) -> None:
    gaps = [make.interval(AT, AT + 4 * HOUR), make.interval(AT + 9 * HOUR)]
    event = accepted(make.wave(*networks(), intervals=gaps), editor)
    page = client.get(f"/{language}/events/{event.key}/", follow=True).content.decode()
    with translation.override(language):
        stretches = [offers.stretch(one) for one in gaps]
        told = offers.fact(event)
    assert (language == "en") == ("6 sites stopped opening" in told)
    assert all(stretch in page for stretch in stretches)
    assert told in page
    Wave.objects.update(hosts=7)  # what an editor has not said yet
    assert "6 sites stopped opening" in client.get(f"/{language}/events/{event.key}/").content.decode()
    assert client.get("/api/v1/events").json()["results"][0]["intervals"] == gaps
    assert datetime.fromisoformat(gaps[0]["began"]) == AT
