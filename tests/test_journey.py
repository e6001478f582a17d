"""From a reader's report to a withdrawn record, by two editors in a real browser, on a database with its guards."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django_otp.oath import totp
from playwright.sync_api import Page, expect, sync_playwright

from registry.papers import sealing
from tests.conftest import CHROMIUM_FLAGS, await_port, free_port
from tests.papers import build

ROOT = Path(__file__).resolve().parents[1]
NAME = "reported-site.kz"
PAPER = build.pdf(build.words(), build.words(b"IIN 900101300126"))


@dataclass(frozen=True)
class Register:
    """A server with a database of its own."""

    site: str
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        run = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)
        return run.stdout

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.site + path, timeout=60) as answer:
            return str(answer.read().decode())

    def log(self) -> list[dict[str, Any]]:
        """As the API tells it."""
        lines = [json.loads(line) for line in self.get("/api/v1/log/").splitlines()]
        return [json.loads(line["payload"]) for line in lines if line["payload"]]


@pytest.fixture
def register(tmp_path: Path, migrated: Path) -> Iterator[Register]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TIZILIM_TEST_POSTGRES")}
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    own = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TIZILIM_VAR": str(tmp_path / "var"),
        "TIZILIM_SITE_URL": site,
        "TIZILIM_SEALED_FOR": sealing.make_key(tmp_path / "one.key"),
    }
    made = Register(site, own)
    (tmp_path / "var").mkdir()
    shutil.copy(migrated, tmp_path / "var" / "tizilim.sqlite3")
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            await_port(port, server, 60)
            yield made
        finally:
            server.terminate()


def reads(page: Page, words: str) -> None:
    """The page that is there, or the one that is on its way after a click."""
    expect(page.locator("body")).to_contain_text(words, ignore_case=True, timeout=60_000)


class Editor:
    """One person in a browser of her own."""

    def __init__(self, browser: Any, register: Register, name: str) -> None:
        told = register.manage("make_editor", name, "--role", "legal", "--role", "reporter")
        asked = ("password", "secret of the one-time codes")
        password, secret = (re.search(rf"^{words}: *(\S+)", told, re.MULTILINE) for words in asked)
        assert password
        assert secret
        self.site = register.site
        self.page: Page = browser.new_context(locale="en-US").new_page()
        self.page.set_default_timeout(60_000)
        self.page.goto(f"{self.site}/desk/")
        key = base64.b32decode(secret[1])
        self.fill(username=name, password=password[1], code=f"{totp(key):06d}")
        self.page.click("[type=submit]")
        self.page.wait_for_url(f"{self.site}/desk/**")
        reads(self.page, "Sign out")

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            box = self.page.locator(f"[name={name}]:visible")
            if box.evaluate("box => box.tagName") == "SELECT":
                box.select_option(value)
            else:
                box.fill(value)

    def propose(self, path: str, **fields: str) -> str:
        """Fill the form in, look at what the log will tell, propose it. Answers with the proposal's address."""
        self.page.goto(self.site + path)
        self.fill(**fields)
        self.page.click("button:has-text('See what the log will tell')")
        self.page.click("[name=confirm]")
        return self.proposed()

    def proposed(self) -> str:
        self.page.wait_for_url(re.compile(r"/desk/proposals/\d+/$"))
        reads(self.page, "It is proposed.")
        return self.page.url

    def agree(self, address: str, typed: str = "") -> None:
        self.page.goto(address)
        if typed:
            self.fill(typed=typed)
        self.page.click("[value=approve]")
        reads(self.page, "It is done.")


@pytest.mark.browser
def test_a_report_becomes_a_record_that_two_agree_on_and_is_withdrawn_in_the_end(
    register: Register, chromium: str
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        ann, ben = Editor(browser, register, "ann"), Editor(browser, register, "ben")
        reader = browser.new_context(locale="en-US").new_page()
        reader.set_default_timeout(60_000)

        reader.goto(f"{register.site}/en/report/")
        reader.fill("[name=name]", f"https://{NAME}/")
        reader.wait_for_timeout(3_500)  # nobody fills a form in faster
        reader.click("main button[type=submit]")
        reads(reader, "receipt")

        ann.page.goto(f"{register.site}/desk/reports/")
        ann.page.click(f"a:has-text('{NAME}')")
        ann.fill(reason="A reader reported it.")
        ann.page.click("[value=accept]")
        ann.page.wait_for_url("**/desk/reports/")
        assert f"<bdi>{NAME}</bdi>" in register.get(f"/en/resources/{NAME}/")

        for key, type_, number in (("order-25", "order", "25-1"), ("court-7", "court_decision", "7")):
            fields = {"key": key, "type": type_, "number": number, "date": "2026-01-04", "reason": "The court's file."}
            ben.agree(ann.propose("/desk/registry/act/new/", **fields))
        record = ann.propose(
            "/desk/registry/restriction/new/",
            resource=NAME,
            kind="court",
            kind_reason="A court decided it.",
            began="2026-01-05",
            acts="order-25\ncourt-7",
            reason="Two acts name it.",
        )
        assert "25-1" not in register.get(f"/en/resources/{NAME}/")  # proposed is not published
        ben.agree(record)
        page = register.get(f"/en/resources/{NAME}/")
        assert "25-1" in page
        assert "court decision 7" in page

        ann.page.goto(f"{register.site}/desk/papers/")
        ann.page.set_input_files("[name=file]", {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": PAPER})
        ann.page.click("button:has-text('Take it in')")
        ann.page.wait_for_url(re.compile(r"/desk/papers/\d+/$"))
        reads(ann.page, "page 2: IIN")
        ann.page.locator("[name=reason]").first.fill("Somebody's number.")
        ann.page.click("[value=blacken]")
        reads(ann.page, "It is blackened.")
        expect(ann.page.locator("body")).not_to_contain_text("page 2: IIN")
        ann.fill(key="scan-7", title="The decision", acts="court-7")
        ann.page.locator("[name=reason]").last.fill("The court's own copy.")
        ann.page.click("[value=publish]")
        ben.agree(ann.proposed())
        copies = re.findall(r"/documents/[0-9a-f]{64}", register.get("/en/acts/court-7/"))
        assert copies
        assert PAPER[:200] not in urllib.request.urlopen(register.site + copies[0]).read()

        ben.agree(ann.propose("/desk/registry/restriction/1/correct/", began="2026-01-06", reason="The order says so."))
        assert "6 January 2026" in register.get(f"/en/resources/{NAME}/")

        reader.goto(f"{register.site}/en/resources/{NAME}/")
        reader.click("a:has-text('Something wrong here?')")
        reader.locator("[name=kind]").first.evaluate(
            "box => { if (box.tagName == 'SELECT') box.value = 'wrong'; else box.checked = true; }"
        )
        reader.fill("[name=text]", "The decision is about another site.")
        reader.wait_for_timeout(3_500)
        reader.click("main button[type=submit]")
        reads(reader, "receipt")

        ben.page.goto(f"{register.site}/desk/problems/")
        ben.page.click("a:has-text('another site')")
        reads(ben.page, "The decision is about another site.")
        ben.fill(reason="It is so; the restriction is withdrawn.", reply="You are right, thank you.")
        ben.page.click("[value=put_right]")
        ben.page.wait_for_url("**/desk/problems/")
        ann.agree(
            ben.propose("/desk/registry/restriction/1/withdraw/", typed=NAME, reason="It is of another site."),
            typed=NAME,
        )
        page = register.get(f"/en/resources/{NAME}/")
        assert "court decision 7" not in page
        browser.close()

    entries = register.log()
    told = [(one["operation"], one["subject"].partition("/")[0], one["by"]) for one in entries]
    both = {("create", "act"), ("create", "restriction"), ("publish", "document"), ("correct", "restriction")}
    both.add(("withdraw", "restriction"))
    for done, table, by in told:
        assert ("+" in by) == ((done, table) in both or (done, table) == ("correct", "act")), (done, table, by)
    assert both <= {(done, table) for done, table, _by in told}
    assert [one["reason"] for one in entries if one["operation"] == "withdraw"] == ["It is of another site."]
    history, feed = register.get("/en/history/"), register.get("/history.atom?lang=en")
    for reason in ("Two acts name it.", "The order says so.", "The court&#x27;s own copy.", "It is of another site."):
        assert reason in history
        assert reason.replace("&#x27;", "'") in feed
    assert "It is of another site." in register.get("/en/history/restriction/1/")
