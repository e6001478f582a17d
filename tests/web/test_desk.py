"""The editors' desk: what waits there is decided with a reason; all else is only read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation
from playwright.sync_api import sync_playwright

from checks.models import Episode, Plan, Vantage
from registry import log, moderation, submissions
from registry.models import Coverage, Decision, Dispute, LogEntry, Report, Resource
from tests import make
from tests.conftest import CHROMIUM_FLAGS
from tests.verdict import make as seen

pytestmark = pytest.mark.django_db

DESK = "/desk/registry/report/"


@pytest.fixture
def chief() -> User:
    return User.objects.create_superuser("chief", password="a long password")


@pytest.fixture
def editor() -> User:
    return make.editor("view_report", "change_report")


@pytest.fixture
def desk(client: Client, editor: User) -> Client:
    return make.signed_in(client, editor)


def a_report(text: str = "orda.kz") -> Report:
    return submissions.receive(text, note="It stopped today.", at=make.AT).report


def decide(desk: Client, act: str, *reports: Report, **fields: Any) -> Any:
    query = "&".join(f"id={report.pk}" for report in reports)
    return desk.post(f"{DESK}decide/{act}/?{query}", {"reason": "seen on two networks", **fields}, follow=True)


def test_the_desk_asks_who_is_there(client: Client) -> None:
    response = client.get("/desk/", follow=True, headers={"accept-language": "en"})
    assert response.redirect_chain[0][0].startswith("/desk/login/")
    assert "Tizilim: the editors&#x27; desk" in response.content.decode()


def test_the_desk_speaks_the_language_that_an_editor_chose_and_no_public_page_learns_of_it(desk: Client) -> None:
    page = desk.get("/desk/tables/", headers={"accept-language": "en"}).content.decode()
    assert ">Reports<" in page
    chosen = desk.post("/desk/language/", {"language": "kk", "next": "/desk/"})
    assert chosen.headers["Location"] == "/desk/"
    assert chosen.cookies["django_language"]["path"] == "/desk/"
    page = desk.get("/desk/tables/", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="kk"' in page
    assert "Хабарламалар" in page
    assert ">Reports<" not in page


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_lists_and_forms_of_the_desk_are_translated(desk: Client, language: str) -> None:
    report = a_report()
    for path in (DESK, f"{DESK}{report.pk}/change/", f"{DESK}decide/accept/?id={report.pk}"):
        page = re.sub(r"<[^>]*>", " ", desk.get(path, headers={"accept-language": language}).content.decode())
        for english in ("Received", "report", "View", "Select", "selected", "Filter", "Note", "Network", "Close"):
            assert not re.search(rf"\b{english}\b", page), (path, english)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_report_is_listed_with_what_its_first_check_saw(desk: Client, language: str) -> None:
    seen_by_control, judged, _new = a_report("a.kz"), a_report("b.kz"), a_report("c.kz")
    control = make.vantage(make.network(64500), role=Vantage.Role.CONTROL)
    make.measurement(seen.visit(), seen_by_control.target, by=make.run(control), failure="connection_reset")
    make.verdict(make.measurement(seen.visit(), judged.target))
    response = desk.get(DESK, headers={"accept-language": language})
    rows = {report.name: report for report in response.context["cl"].result_list}
    assert len(rows) == 3
    assert rows["https://a.kz/"].control_failure == "connection_reset"
    assert rows["https://b.kz/"].judged == "blocked"
    page = desk.get(f"{DESK}{judged.pk}/change/", headers={"accept-language": language}).content.decode()
    assert "It stopped today." in page
    told = desk.get(f"{DESK}{seen_by_control.pk}/change/", headers={"accept-language": language}).content.decode()
    words = {"kk": "қосылым үзіп тасталды", "ru": "соединение сброшено", "en": "the connection was reset"}
    assert words[language] in told
    assert 'name="note"' not in page
    assert f"decide/accept/?id={judged.pk}" in page
    assert 'href="https://b.kz' not in page


def test_the_list_asks_as_little_of_the_database_for_many_reports(
    desk: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        a_report(f"site-{number}.kz")
    with django_assert_max_num_queries(12):
        assert len(desk.get(DESK).context["cl"].result_list) == 20


def test_an_action_on_the_list_asks_for_the_reason_first(desk: Client) -> None:
    reports = [a_report("a.kz"), a_report("b.kz")]
    chosen = {"action": "accept", "_selected_action": [report.pk for report in reports]}
    response = desk.post(DESK, chosen, follow=True)
    assert 'name="reason"' in response.content.decode()
    assert [report.state for report in response.context["chosen"]] == ["new", "new"]
    assert not Resource.objects.exists()


def test_what_is_accepted_is_in_the_register_and_in_the_log(desk: Client, editor: User) -> None:
    response = decide(desk, "accept", a_report("a.kz"), a_report("b.kz"))
    assert {report.state for report in Report.objects.all()} == {"accepted"}
    assert set(Resource.objects.values_list("slug", flat=True)) == {"a.kz", "b.kz"}
    assert LogEntry.objects.filter(operation="create").count() == 2
    assert {decision.by for decision in Decision.objects.all()} == {editor}
    assert response.context["messages"]


def test_a_rejected_report_changes_nothing_in_public(desk: Client) -> None:
    decide(desk, "reject", a_report())
    assert Report.objects.get().state == "rejected"
    assert not LogEntry.objects.exists()
    assert not Resource.objects.exists()


@pytest.mark.parametrize("text", ["Orda.KZ", "https://orda.kz/", "orda", "{pk}"])
def test_a_report_is_joined_with_a_resource_by_number_address_or_name(desk: Client, text: str) -> None:
    resource = make.resource()
    decide(desk, "merge", a_report("m.orda.kz"), into=text.format(pk=resource.pk))
    assert Report.objects.get().resource == resource
    assert Coverage.objects.filter(resource=resource).count() == 2


def test_a_name_that_fits_none_or_several_is_asked_again(desk: Client) -> None:
    make.resource("orda.kz"), make.resource("forda.kz")
    report = a_report("m.orda.kz")
    for text in ("rda", "nothing", "99999", "9" * 30, ""):
        response = decide(desk, "merge", report, into=text)
        assert response.context["form"].errors["into"]
    assert Report.objects.get().state == "new"


@pytest.mark.parametrize("reason", [" \n", "\u200b", "…"])
def test_no_decision_without_a_reason(desk: Client, reason: str) -> None:
    response = decide(desk, "accept", a_report(), reason=reason)
    assert response.context["form"].errors["reason"]
    assert Report.objects.get().state == "new"


def test_who_comes_second_is_told_so(desk: Client, editor: User) -> None:
    report, other = a_report("a.kz"), a_report("b.kz")
    moderation.reject(report, by=editor, reason="spam")
    response = decide(desk, "accept", report, other)
    told = [str(message) for message in response.context["messages"]]
    assert len(told) == 2
    assert "https://a.kz/" in told[0]
    assert set(Resource.objects.values_list("slug", flat=True)) == {"b.kz"}


def test_who_may_only_look_decides_nothing(client: Client) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_report"))
    make.signed_in(client, reader)
    report = a_report()
    assert client.get(DESK).status_code == 200
    assert "decide/accept" not in client.get(f"{DESK}{report.pk}/change/").content.decode()
    assert decide(client, "accept", report).status_code == 403
    assert Report.objects.get().state == "new"


def test_an_act_that_does_not_exist_is_not_found(desk: Client) -> None:
    assert desk.get(f"{DESK}decide/publish/?id=1").status_code == 404
    assert desk.get(f"{DESK}decide/accept/?id=x&id={'9' * 30}").status_code == 200


EPISODES = "/desk/checks/episode/"


def test_an_editor_marks_an_episode_as_disputed_and_takes_it_back(client: Client, editor: User) -> None:
    editor.user_permissions.set(Permission.objects.filter(codename__in=["view_episode", "change_dispute"]))
    make.signed_in(client, editor)
    row = make.episode(make.resource(), make.network())
    chosen = {"action": "dispute", "_selected_action": [row.pk]}
    asked = client.post(EPISODES, chosen, follow=True, headers={"accept-language": "en"})
    assert "Mark these episodes as disputed" in asked.content.decode()
    address = asked.redirect_chain[-1][0]
    assert client.post(address, {"reason": ""}).status_code == 200
    assert not Dispute.objects.exists()
    client.post(address, {"reason": "The probe moved house."})
    assert Dispute.objects.get(episode=row).reason == "The probe moved house."
    assert "The probe moved house." in client.get(f"{EPISODES}{row.pk}/change/").content.decode()
    client.post(f"{EPISODES}mark/settle/?id={row.pk}", {"reason": "A mistake."})
    assert not Dispute.objects.exists()
    assert LogEntry.objects.count() == 2


def test_who_may_only_read_marks_nothing(desk: Client, editor: User) -> None:
    row = make.episode(make.resource(), make.network())
    assert desk.post(f"{EPISODES}mark/dispute/?id={row.pk}", {"reason": "x"}).status_code == 403
    editor.user_permissions.add(Permission.objects.get(codename="change_dispute"))
    assert desk.post(f"{EPISODES}mark/delete/?id={row.pk}", {"reason": "x"}).status_code == 404
    assert not Dispute.objects.exists()


def test_an_episode_that_a_recount_took_back_is_not_marked_and_the_editor_is_told(client: Client, chief: User) -> None:
    resource = moderation.accept(a_report(), by=chief, reason="seen")
    make.cell(resource, make.network())
    row = make.episode(resource, make.network())
    make.signed_in(client, chief)
    before, address = LogEntry.objects.count(), f"{EPISODES}mark/dispute/?id={row.pk}"
    Episode.objects.filter(pk=row.pk).delete()
    page = client.post(address, {"reason": "x"}, follow=True, headers={"accept-language": "en"})
    assert "are no longer there" in page.content.decode()
    with pytest.raises(moderation.NotWaiting):
        moderation.dispute(row, by=chief, reason="x")
    assert LogEntry.objects.count() == before


def test_not_even_a_superuser_changes_record_or_evidence(client: Client, chief: User, rf: Any) -> None:
    request = rf.get("/desk/")
    request.user = chief
    ours = [model for name in ("registry", "checks") for model in apps.get_app_config(name).get_models()]
    desk = [site for model, site in admin.site._registry.items() if model in ours]
    assert len(desk) >= 20
    assert not any(site.has_add_permission(request) or site.has_delete_permission(request) for site in desk)
    assert [site.model for site in desk if site.has_change_permission(request)] == [Plan]


def test_every_table_opens_with_rows(client: Client, chief: User) -> None:
    make.signed_in(client, chief)
    report = a_report()
    resource = moderation.accept(report, by=chief, reason="seen")
    make.statement(make.restriction(resource, make.act(by=make.authority())))
    make.listing(resource)
    make.cell(resource, make.network())
    moderation.dispute(make.episode(resource, make.network()), by=chief, reason="The probe moved house.")
    make.verdict(make.measurement(seen.visit(), resource))
    moderation.accept_wave(make.wave(), by=chief, reason="seen", names=dict.fromkeys(("kk", "ru", "en"), "A wave"))
    for model, site in admin.site._registry.items():
        app = model._meta.app_label
        if app not in ("registry", "checks"):
            continue
        address = f"admin:{app}_{model._meta.model_name}"
        assert client.get(reverse(f"{address}_changelist"), {"q": "a"} if site.search_fields else {}).status_code == 200
        for row in model._default_manager.all()[:1]:
            assert client.get(reverse(f"{address}_change", args=[row.pk])).status_code == 200, address


SAME_IN_ALL = {"ID", "SHA-256"}  # as people write it in each of the three languages


def in_both(language: str, words: Callable[[], list[Any]]) -> list[tuple[str, str]]:
    """What the desk calls things in English, and in that language."""
    told = []
    for one in ("en", language):
        with translation.override(one):
            told.append([str(word) for word in words()])
    return [*zip(*told, strict=True)]


def not_translated(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [english for english, theirs in pairs if english == theirs and english not in SAME_IN_ALL]


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_whatever_the_desk_lists_has_headings_filters_and_labels_in_the_readers_language(
    rf: RequestFactory, chief: User, language: str
) -> None:
    request = rf.get("/desk/")
    request.user = chief

    def words(site: admin.ModelAdmin[Any]) -> list[Any]:
        fieldsets = site.get_fieldsets(request)
        columns = [*site.get_list_display(request), *flatten_fieldsets(fieldsets)]
        filters = site.get_changelist_instance(request).get_filters(request)[0]
        return [
            site.model._meta.verbose_name,
            site.model._meta.verbose_name_plural,
            apps.get_app_config(site.model._meta.app_label).verbose_name,
            *(label_for_field(name, site.model, site) for name in columns if name != "__str__"),
            *(one.title for one in filters),
            *(description for _act, _name, description in site.get_actions(request).values()),
            *(title for title, _fields in fieldsets if title),
        ]

    ours = [site for model, site in admin.site._registry.items() if model._meta.app_label in ("registry", "checks")]
    assert len(ours) >= 35
    left = {site: not_translated(in_both(language, partial(words, site))) for site in ours}
    assert not {site: words for site, words in left.items() if words}


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_every_table_and_every_column_has_a_name_in_the_readers_language(language: str) -> None:
    """Those that no page of the desk shows today, too: a page that comes shows them."""

    def words(model: type[Model]) -> list[Any]:
        columns = [*model._meta.fields, *model._meta.local_many_to_many]
        return [model._meta.verbose_name, model._meta.verbose_name_plural, *(one.verbose_name for one in columns)]

    models = [model for app in ("registry", "checks") for model in apps.get_app_config(app).get_models()]
    left = {model: not_translated(in_both(language, partial(words, model))) for model in models}
    assert not {model: words for model, words in left.items() if words}


def test_an_administrator_says_how_often_a_plan_runs_and_nothing_else(
    client: Client, desk: Client, chief: User
) -> None:
    plan = make.plan()
    desk.get(f"/desk/checks/plan/{plan.pk}/change/")
    make.signed_in(client, chief)
    address = f"/desk/checks/plan/{plan.pk}/change/"
    client.post(address, {"name": "other", "period": "12:00:00", "due_at_0": "2030-01-01"})
    plan.refresh_from_db()
    assert (plan.name, plan.period, plan.enabled, plan.due_at) == ("daily", timedelta(hours=12), False, make.AT)


@pytest.mark.parametrize("address", ["/desk/login/", DESK, "/desk/", "/desk/tables/"])
def test_the_desk_works_under_the_strict_policy(desk: Client, address: str) -> None:
    response = desk.get(address, follow=True)
    page = response.content.decode()
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "style=" not in page
    assert "<style" not in page
    assert "<script>" not in page


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_an_editor_signs_in_and_decides_in_a_real_browser(live_server: Any, chromium: str, editor: User) -> None:
    """A test client sends neither Origin nor scripts: only a browser shows what the policies forbid."""
    report = a_report()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(locale="en")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}/desk/registry/report/")
        page.fill("#id_username", "editor")
        page.fill("#id_password", make.PASSWORD)
        page.fill("#id_code", make.code_of(editor))
        page.click("input[type=submit]")
        page.click("text=https://orda.kz/")
        page.click(".object-tools >> text=Reject")
        page.fill("#id_reason", "opens everywhere")
        page.click("input[type=submit]")
        page.wait_for_selector(".messagelist .success")
        browser.close()
    report.refresh_from_db()
    assert report.state == Report.State.REJECTED  # not public: what the log holds, no test could take back
    assert not complaints


@pytest.mark.parametrize(
    ("language", "done", "hand"),
    [
        ("en", "recorded", "the country pack"),
        ("ru", "внесено", "набор данных страны"),
        ("kk", "тіркелген", "елдің деректер жинағы"),
    ],
)
def test_an_entry_of_the_log_is_told_in_words(client: Client, chief: User, language: str, done: str, hand: str) -> None:
    make.signed_in(client, chief)
    entry = log.append("create", make.resource(), after={"name": "orda.kz"}, reason="seen", by="pack:kz")
    for path in ("", f"{entry.pk}/change/"):
        page = client.get(f"/desk/registry/logentry/{path}", headers={"Accept-Language": language}).content.decode()
        assert done in page
        assert hand in page
        assert not re.search(r">\s*(create|pack)\s*<", page)
