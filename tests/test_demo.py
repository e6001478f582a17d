"""`manage.py demo` as a person uses it: a process of its own, a browser's requests, Ctrl-C."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from checks import planning
from config.management.commands.demo import _anew, _editors, _enrol, _sealing_key
from registry import proposals
from registry.models import LogEntry, Proposal
from registry.models.proposal import ANY
from registry.papers import sealing
from tests import make
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 480.0  # seconds for what takes one on an idle machine


@pytest.mark.parametrize(
    ("kept", "command"),
    [
        (ROOT / "var" / "demo", "make demo RESET=1"),
        (Path("/srv/my own/demo"), "TIZILIM_VAR='/srv/my own' make demo RESET=1"),
    ],
)
def test_the_command_that_begins_anew_names_where_the_data_is(kept: Path, command: str) -> None:
    assert _anew(kept) == command


class Demo:
    """A running demo with data of its own."""

    def __init__(self, folder: Path, port: int, *arguments: str) -> None:
        self.folder, self.port = folder, port
        self.output = folder / "output.txt"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TIZILIM_")}
        environment.pop("DATABASE_URL", None)
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", str(port), *arguments],
                cwd=ROOT,
                env={**environment, "TIZILIM_VAR": str(folder)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as response:
            return response.read().decode()

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output.read_text()
            try:
                if true():
                    return
            except OSError:
                pass  # it does not listen yet
            try:
                self.process.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"never: {what}\n{self.output.read_text()}")

    def says(self, text: str) -> None:
        self.until(lambda: text in self.output.read_text(), text)

    def processes(self) -> list[str]:
        """Command lines that name this demo's folder: its children."""
        lines = [_command_line(entry) for entry in Path("/proc").glob("[0-9]*/cmdline")]
        return [line for line in lines if str(self.folder) in line]

    def children(self, module: str) -> list[int]:
        """The processes of this demo that run a module."""
        return [
            int(entry.parent.name)
            for entry in Path("/proc").glob("[0-9]*/cmdline")
            if module in (line := _command_line(entry)) and str(self.folder) in line
        ]

    def has_no_children(self) -> bool:
        deadline = time.monotonic() + 30
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.2)  # nothing tells us when somebody else's child ends
        return self.processes() == []


def _command_line(entry: Path) -> str:
    try:
        return entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


@contextmanager
def a_demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    demo = Demo(folder, free_port(), *arguments)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait()


@pytest.fixture
def demo(tmp_path: Path) -> Callable[..., Any]:
    """Starts one for which nothing is there yet."""
    return partial(a_demo, tmp_path)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a demo that was started and stopped."""
    folder = tmp_path_factory.mktemp("begun")
    with a_demo(folder) as running:
        running.says("The register answers")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(60) == 0
    return folder


@pytest.fixture
def next_demo(tmp_path: Path, begun: Path) -> Callable[..., Any]:
    """Starts one that goes on with such data: it is up in less time."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("output.txt"))
    return partial(a_demo, tmp_path)


def test_three_rounds_fill_the_pages_and_ctrl_c_leaves_nothing_behind(demo: Callable[..., Any]) -> None:
    with demo() as running:
        running.says("All three rounds are in")
        found = running.json("/api/v1/lookup?q=orda.kz")
        assert found["imitated"] is True
        [orda] = found["resources"]
        assert orda["situation"] == "unexplained"
        assert re.search(r"of 4 networks.*no act is known", orda["sentence"])
        page = running.get("/en/resources/orda.kz/")
        assert orda["sentence"] in html.unescape(page)
        situations = {
            text: running.json("/api/v1/lookup?q=" + urllib.parse.quote(text))["resources"][0]["situation"]
            for text in ("https://www.torproject.org/ru/download", "kub.kz", "meduza.io")
        }
        assert situations == {
            "https://www.torproject.org/ru/download": "ordered_reachable",
            "kub.kz": "down",
            "meduza.io": "ordered_blocked",
        }
        report = json.dumps({"name": "never-heard-of.kz"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{running.port}/api/v1/reports", report, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            receipt = json.load(response)["receipt"]
        running.until(
            lambda: bool(running.json(f"/api/v1/reports/{receipt}")["first_check"]), "the first check of a report"
        )
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0
        assert f"Stopped. Your data is kept in {running.folder}/demo;" in running.output.read_text()
        assert "Traceback" not in running.output.read_text()
        assert running.has_no_children()
        signs_in = r"^ +(\w+) +password (\S+) +secret ([A-Z2-7]{32}) +code now \d{6}$"
        editors = re.findall(signs_in, running.output.read_text(), re.MULTILINE)
        assert len(editors) == 2
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", running.port))
    with demo() as second:
        second.until(lambda: "unexplained" in second.get("/api/v1/lookup?q=orda.kz"), "the kept data")
        assert re.findall(signs_in, second.output.read_text(), re.MULTILINE) == editors * 2  # it goes on in one file


@pytest.mark.parametrize(("module", "what"), [("checks.lab", "the imitated internet"), ("checks.probe", "the probe")])
def test_a_part_that_is_killed_ends_the_demo_in_one_sentence(
    next_demo: Callable[..., Any], module: str, what: str
) -> None:
    with next_demo() as running:
        running.says("The register answers")
        assert f"127.0.0.1:{running.port}" in running.get("/en/data/")
        running.until(lambda: running.children(module) != [], f"{module} runs")
        for pid in running.children(module):
            os.kill(pid, signal.SIGKILL)
        assert running.process.wait(60) == 1
        assert f"{what} was killed by signal 9" in running.output.read_text()
        assert "Traceback" not in running.output.read_text()
        assert running.has_no_children()


@pytest.mark.django_db
def test_two_editors_come_in_and_are_the_same_at_the_next_start(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path
    editors = _editors()
    assert len({one.secret for one in editors}) == len({one.password for one in editors}) == 2
    assert (tmp_path / "editors.json").stat().st_mode & 0o777 == 0o600
    for one in editors:
        desk = Client()
        fields = {"username": one.name, "password": one.password, "code": one.code_now()}
        assert desk.post("/desk/login/", fields, REMOTE_ADDR=make.address()).status_code == 302
        assert desk.get("/desk/registry/report/").status_code == 200
        assert desk.get("/desk/registry/act/new/").status_code == 200
    admission = Proposal(operation=proposals.Operation.ADMIT, record_type=ANY)
    assert all(one.has_perm(proposals.permission_for(admission)) for one in User.objects.all())
    User.objects.update(password="!")  # an older demo's, or one that somebody changed
    assert _editors() == editors
    assert TOTPDevice.objects.count() == 2


def test_papers_are_sealed_for_a_key_of_the_demo_that_stays_the_same(tmp_path: Path) -> None:
    public = _sealing_key(tmp_path / "demo")
    assert _sealing_key(tmp_path / "demo") == public
    private = tmp_path / "demo" / "sealing.key"
    assert private.stat().st_mode & 0o777 == 0o600
    box = sealing.seal(b"an order", [public]).box
    assert sealing.unseal(box, [private.read_text()]).data == b"an order"


def test_ctrl_c_before_anything_runs_prints_no_traceback(demo: Callable[..., Any]) -> None:
    for moment in (0.3, 0.8):
        with demo() as running:
            time.sleep(moment)  # nothing tells us how far an interpreter is
            running.process.send_signal(signal.SIGINT)
            running.process.wait(60)
            assert "Traceback" not in running.output.read_text()
            assert running.has_no_children()


@pytest.mark.django_db
def test_sites_of_the_lab_stand_for_what_the_register_holds_and_are_on_its_own_plan(tmp_path: Path) -> None:
    domain, page, service = (
        make.resource("vlast.kz"),
        make.resource("https://www.torproject.org/ru/download"),
        make.resource("linkedin.com", type="service"),
    )
    urls = ["http://vlast.kz/", "https://www.torproject.org/ru/download", "https://linkedin.com/", "https://other.kz/"]
    described = {"vantages": [], "sites": [{"url": url, "name": urlsplit(url).hostname} for url in urls]}
    for _ in range(2):
        plan, _config = _enrol(described, tmp_path)
    assert plan.name == planning.REGISTRY
    assert {one.url for one in domain.targets.all()} == {"https://vlast.kz/", "http://vlast.kz/"}
    assert [one.url for one in page.targets.all()] == ["https://www.torproject.org/ru/download"]
    assert [(one.target.url, one.canonical) for one in service.coverage.all()] == [("https://linkedin.com/", True)]
    assert set(plan.targets.values_list("url", flat=True)) == {*urls, "https://vlast.kz/"}
    assert LogEntry.objects.filter(operation="cover").count() == 2


def test_nothing_outlives_a_demo_that_is_killed(next_demo: Callable[..., Any]) -> None:
    with next_demo() as running:
        running.says("The register answers")
        running.until(lambda: len(running.processes()) >= 2, "lab and probe run")
        running.process.kill()
        running.process.wait()
        assert running.has_no_children()


@pytest.mark.redis
def test_redis_carries_the_same_work(next_demo: Callable[..., Any], redis_url: str) -> None:
    with next_demo("--broker", redis_url) as running:
        running.until(
            lambda: bool(running.json("/api/v1/verdicts?limit=1")["results"]), "a verdict that came through Redis"
        )
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0
        assert running.has_no_children()


def test_a_port_that_is_taken_is_one_clear_sentence(demo: Callable[..., Any]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "manage.py", "demo", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "TIZILIM_VAR": str(Path(os.environ["TIZILIM_VAR"]) / "taken"), "TIZILIM_DEMO": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert f"port {port} cannot be used" in ended.stderr
    assert f"PORT={port + 1}" in ended.stderr
    assert "Traceback" not in ended.stderr
