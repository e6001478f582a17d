"""The HTTPS door as a probe uses it: one register, whatever answers in its place."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checks.probe import errands, home, worker
from checks.probe.batch import Batch
from checks.probe.config import BadConfig, Config, make_key, read_key
from checks.probe.enrolling import Invitation, enrol
from checks.probe.home import Door, NotReached
from checks.probe.messages import CLAIM, ENROL, Claim, Enrol, Order, Orders, Receipt, Sealed, unseal
from checks.probe.spool import Spool
from checks.probe.work import Work
from tests.probe.probes import NAME, Probe, Sites, quick, slow, until, urls
from tests.servers import authority

Answer = Callable[..., Awaitable[bytes]]  # of path, headers, body and, for those who drip, the writer


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Served(threading.Thread):
    """An HTTPS server in a thread; `answer` gets path, headers and body, and answers with bytes or writes them."""

    def __init__(self, answer: Answer, *, name: str = "localhost") -> None:
        super().__init__(daemon=True)
        self._answer, self._context = answer, authority().context(name)
        self._loop, self._end = asyncio.new_event_loop(), asyncio.Event()
        self._ready = threading.Event()
        self.asked: list[str] = []

    def __enter__(self) -> Served:
        self.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}"

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        connected = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connected:
            task.cancel()
        await asyncio.gather(*connected, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = head[0].split(" ")[1]
            self.asked.append(path)
            writer.write(await self._answer(path, headers, body, writer))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the probe hung up
        finally:
            writer.close()


def always(answer: bytes) -> Answer:
    async def give(*_: object) -> bytes:
        return answer

    return give


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(authority().pem)
    return path


def ask(served: Served, ca: Path | None) -> Orders:
    return Door(served.address, ca).post("claim", {}, b"body", Orders)


ELSEWHERE = b'{"orders": [], "wait": 1}'


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (http(b"", "302 Found", "Location: https://elsewhere.kz/"), "answered 302"),
        (http(b"", "500 Internal Server Error"), "answered 500"),
        (http(b"<html>", "403 Forbidden"), "answered 403"),
        (http(b'{"title": "Not admitted", "detail": "ask"}', "403 Forbidden"), "answered 403: Not admitted: ask"),
        (http(b"<html>hello</html>"), "is no orders"),
        (http(b'{"orders": [{"vantage": "here"}], "wait": 1}'), "is no orders"),
        (http(b"[" * 100_000), "is no orders"),
        (http(b"\xff\xfe"), "is no orders"),
        (http(ELSEWHERE)[:-3], "did not answer in full"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "did not answer in full: .*SSH-2.0"),
        (b"", "did not answer in full: Remote end closed connection without response"),
        (http(ELSEWHERE + b" " * 9 * 1024 * 1024), "is larger than"),
        (http(b"x", "200 OK", "Content-Encoding: gzip"), "is no orders"),
    ],
)
def test_what_is_no_answer_is_one_sentence(answer: bytes, sentence: str, ca: Path) -> None:
    with Served(always(answer)) as served, pytest.raises(NotReached, match=sentence) as refused:
        ask(served, ca)
    assert "\n" not in str(refused.value)


def test_an_answer_is_read(ca: Path) -> None:
    with Served(always(http(b'{"orders": [], "wait": 20.5}'))) as served:
        assert ask(served, ca) == Orders((), 20.5)


@pytest.mark.parametrize(("said", "wait"), [("90", 90.0), ("999999", 3600.0), ("soon", 0.0), ("-5", 0.0)])
def test_the_register_may_ask_for_patience(said: str, wait: float, ca: Path) -> None:
    impatient = http(b"", "503 Service Unavailable", f"Retry-After: {said}")
    with Served(always(impatient)) as served, pytest.raises(NotReached) as refused:
        ask(served, ca)
    assert refused.value.wait == wait


def test_only_the_register_itself_is_talked_to(ca: Path) -> None:
    with Served(always(http(ELSEWHERE)), name="elsewhere.kz") as served:
        with pytest.raises(NotReached, match="did not prove by its certificate"):
            ask(served, ca)
        assert served.asked == []
    with Served(always(http(ELSEWHERE))) as served, pytest.raises(NotReached, match="did not prove"):
        ask(served, None)  # an authority that nobody else trusts


def test_nobody_listens() -> None:
    with pytest.raises(NotReached, match=r"^https://localhost:9 could not be reached: Connection refused$"):
        Door("https://localhost:9", None).post("claim", {}, b"", Orders)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_a_register_that_drips_is_hung_up_on_in_time(head: bytes, ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> bytes:
        writer.write(head)
        while True:
            writer.write(
                b"x" if head.endswith(b"\r\n\r\n") else b"X-Drip: 1\r\n" if head else b"HTTP/1.1 100 C\r\n\r\n"
            )
            await writer.drain()
            await asyncio.sleep(0.1)

    monkeypatch.setattr(home, "WHOLE", 1.0)
    began = time.monotonic()
    with Served(drip) as served, pytest.raises(NotReached):
        ask(served, ca)
    assert time.monotonic() - began < 5


@dataclass
class Centre:
    """The door's other side: what it would give, and what it got."""

    key: str
    orders: list[Order] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    keep: bool = False
    wait: float = 5.0

    async def __call__(self, path: str, headers: dict[str, str], body: bytes, _: object) -> bytes:
        assert headers["tizilim-vantage"] == NAME
        sealed = Sealed(body, base64.b64decode(headers["tizilim-signature"], validate=True))
        if path == "/probe/v1/claim":
            self.claims.append(unseal(CLAIM, sealed, self.key, Claim))
            given, self.orders = self.orders[: self.claims[-1].room], self.orders[self.claims[-1].room :]
            answer = asdict(Orders(tuple(given), self.wait))
        else:
            assert path == "/probe/v1/batches"
            self.batches.append(Batch.unsealed(sealed, self.key))
            batch = self.batches[-1]
            answer = asdict(Receipt(NAME, batch.run, batch.attempt, self.keep, "later" if self.keep else ""))
        return http(json.dumps(answer).encode())


def order(run: int, asked: list[str], *, lease: float = 300.0) -> Order:
    return Order(NAME, run, 1, tuple((url, ()) for url in asked), lease)


def test_work_comes_and_goes_home_over_the_door(tmp_path: Path, ca: Path) -> None:
    with Sites(tmp_path / "world.json") as sites:
        public = make_key(tmp_path / "here.key")
        centre = Centre(public, [order(run, quick(run)) for run in range(3)])
        with Served(centre) as served:
            probe = Probe(tmp_path, register=served.address, ca=str(ca))
            with probe.running():
                until(lambda: len(centre.batches) == 3, "three runs are home")
                until(lambda: probe.runs() == [], "nothing is left")
                until(lambda: f"connected by HTTPS to {served.address}" in probe.status(), "a status line")
                assert probe.stop()[0] == 0
    assert {batch.run for batch in centre.batches} == {0, 1, 2}
    assert centre.claims[0].room == 2
    assert centre.claims[0].said.software
    assert len({claim.nonce for claim in centre.claims}) == len(centre.claims)
    assert sum(sites.visits.values()) == 3


class Here:
    """A probe's parts in this process, with a queue that gives each order back at once."""

    def __init__(self, config: Config) -> None:
        self.spool = Spool(config.state / "spool", config.spool)
        worlds = {vantage.name: vantage.world for vantage in config.vantages}
        self.work = Work(worlds, self.spool, config.in_flight, finished=lambda: self.errands.wake())
        door = Door(str(config.register), config.ca)
        self.errands = errands.Errands(config, self.spool, self.work, door, enqueue=self.take)

    def take(self, given: Order) -> None:
        if not self.spool.has(given):
            self.spool.take(given, at=datetime.now(UTC))


@contextmanager
def here(config: Config) -> Iterator[Here]:
    with worker.only_one(config.state):
        parts = Here(config)
        parts.errands.start()
        try:
            yield parts
        finally:
            parts.errands.stop()
            parts.work.stop(0.0)


def configured(folder: Path, ca: Path, register: str, **more: object) -> Config:
    return Config.load(Probe(folder, register=register, ca=str(ca), **more).config)


def test_what_is_to_be_kept_is_sent_again_until_it_is_taken(
    tmp_path: Path, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "AGAIN", (0.2, 1.0))
    with Sites(tmp_path / "world.json"):
        centre = Centre(make_key(tmp_path / "here.key"), [order(1, quick(1))], keep=True)
        with Served(centre) as served, here(configured(tmp_path, ca, served.address)) as probe:
            until(lambda: len(centre.batches) > 2, "it is sent again and again")
            assert len(probe.spool.runs()) == 1
            centre.keep = False
            until(lambda: probe.spool.runs() == [], "it is taken")
    assert len({batch.nonce for batch in centre.batches}) == len(centre.batches)
    assert {batch.measurements for batch in centre.batches} == {centre.batches[0].measurements}


def test_a_register_that_was_away_gets_all_that_was_measured_meanwhile(
    tmp_path: Path, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "AGAIN", (0.2, 1.0))
    with Sites(tmp_path / "world.json"):
        centre = Centre(make_key(tmp_path / "here.key"), [order(1, quick(1)), order(2, quick(2))])
        away = threading.Event()

        async def answer(path: str, *rest: object) -> bytes:
            if away.is_set():
                return http(b"", "503 Service Unavailable", "Retry-After: 1")
            return await centre(path, *rest)  # type: ignore[arg-type]

        with Served(answer) as served, here(configured(tmp_path, ca, served.address)) as probe:
            until(lambda: len(centre.claims) > 0, "it has claimed")
            away.set()
            until(lambda: all(run.done for run in probe.spool.runs()), "it is measured")
            away.clear()
            until(lambda: probe.spool.runs() == [], "all is taken")
    assert {batch.run for batch in centre.batches} == {1, 2}


def test_a_full_spool_takes_no_order_begins_no_visit_and_goes_on_when_there_is_room(tmp_path: Path, ca: Path) -> None:
    with Sites(tmp_path / "world.json") as sites:
        centre = Centre(make_key(tmp_path / "here.key"), keep=True)
        with Served(centre) as served:
            config = configured(tmp_path, ca, served.address, spool_mb=1, in_flight=1)
            with here(config) as probe:
                probe.take(order(1, quick(1)))
                until(lambda: len(centre.batches) == 1, "it is finished")
                [first] = probe.spool.runs()
                first.size = config.spool  # as if its visits were that large
                assert probe.spool.full
                claims = len(centre.claims)
                probe.take(order(2, quick(2, 3)))
                time.sleep(2 * errands.TICK)
                assert sites.visits["quick2.kz"] == 0
                assert "the spool is full" in " ".join(_status(config))
                assert len(centre.claims) <= claims + 1  # one may have been on its way
                centre.keep = False
                probe.errands.receive(Receipt(NAME, 1, 1, keep=False))
                until(lambda: len(centre.batches) == 2, "the other goes on")
                assert urls(centre.batches[1].measurements) == quick(2, 3)


def test_runs_that_would_fill_the_spool_together_go_one_after_the_other(tmp_path: Path, ca: Path) -> None:
    with Sites(tmp_path / "world.json") as sites:
        centre = Centre(make_key(tmp_path / "here.key"))
        with Served(centre) as served:
            config = configured(tmp_path, ca, served.address, spool_mb=1)
            with here(config) as probe:
                probe.spool._limit = 50_000  # of ordinary visits, room for one
                probe.take(order(1, slow(1)))
                until(lambda: sites.visits["slow1.kz"] == 1, "one is at work")
                probe.take(order(2, quick(1)))
                time.sleep(2 * errands.TICK)
                assert sites.visits["quick1.kz"] == 0
                sites.let_go()
                until(lambda: len(centre.batches) == 2, "the other went after it")


def test_a_run_that_filled_the_spool_makes_room_when_its_lease_ends(tmp_path: Path, ca: Path) -> None:
    with Sites(tmp_path / "world.json") as sites:
        centre = Centre(make_key(tmp_path / "here.key"))
        with Served(centre) as served:
            config = configured(tmp_path, ca, served.address, spool_mb=1, in_flight=1)
            with here(config) as probe:
                probe.take(order(1, [*quick(1), *slow(1), *quick(2)], lease=4.0))
                until(lambda: sites.visits["slow1.kz"] == 1, "one is in flight")
                probe.spool._limit = 1  # as if others had filled it
                sites.let_go()
                until(lambda: len(centre.batches) == 1, "it goes home")
    assert urls(centre.batches[0].measurements) == [*quick(1), *slow(1)]


def _status(config: Config) -> list[str]:
    command = [sys.executable, "-m", "checks.probe", "--status", "--config", str(config.state / "probe.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.splitlines()


def test_enrolment_hands_in_the_public_half_and_writes_the_configuration(tmp_path: Path, ca: Path) -> None:
    got: list[tuple[str, Enrol]] = []

    async def answer(path: str, headers: dict[str, str], body: bytes, _: object) -> bytes:
        assert path == "/probe/v1/enrol"
        key = headers["tizilim-key"]
        got.append((key, unseal(ENROL, Sealed(body, base64.b64decode(headers["tizilim-signature"])), key, Enrol)))
        return http(b'{"asn": 9198, "role": "control"}', "201 Created")

    state = tmp_path / "state"
    command = [sys.executable, "-m", "checks.probe", "--token", "T" * 20, "--name", "astana-1", "--state", str(state)]
    with Served(answer) as served:
        joined = [*command, "--ca", str(ca), "--enrol", served.address]
        done = subprocess.run(joined, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "two people at the register have admitted it" in done.stdout
    assert done.stdout.count("\n") == 1
    [(key, enrolled)] = got
    assert (enrolled.token, enrolled.vantage, enrolled.public_key) == ("T" * 20, "astana-1", key)
    assert make_key(state / "astana-1.key") == key
    config = Config.load(state / "probe.json")
    [vantage] = config.vantages
    assert (config.register, config.state, vantage.name) == (served.address, state, "astana-1")
    assert (vantage.world.preconditions.asn, vantage.world.preconditions.must_block) == (9198, ())
    assert (state / "astana-1.key").stat().st_mode & 0o777 == 0o600


def test_an_enrolment_that_is_refused_keeps_its_key_for_the_next_try(tmp_path: Path, ca: Path) -> None:
    with Served(always(http(b'{"title": "This token was used"}', "403 Forbidden"))) as served:
        for _ in range(2):
            with pytest.raises(NotReached, match="answered 403: This token was used"):
                enrol(Invitation(served.address, "token", "here", tmp_path, ca=ca))
    assert read_key(tmp_path / "here.key")


def test_an_enrolment_whose_answer_was_lost_is_said_again(tmp_path: Path, ca: Path) -> None:
    keys: list[str] = []

    async def answer(path: str, headers: dict[str, str], body: bytes, _: object) -> bytes:
        keys.append(headers["tizilim-key"])
        return http(b'{"asn": 9198, "role": "access"}') if len(keys) > 1 else b""

    with Served(answer) as served:
        invitation = Invitation(served.address, "token", "here", tmp_path, ca=ca)
        with pytest.raises(NotReached, match="did not answer in full"):
            enrol(invitation)
        assert not (tmp_path / "probe.json").exists()
        enrol(invitation)
    assert keys[0] == keys[1]
    assert Config.load(tmp_path / "probe.json").vantages[0].world.preconditions.asn == 9198


def test_an_enrolment_keeps_what_the_host_wrote(tmp_path: Path, ca: Path) -> None:
    other, mine = {"name": "other", "key": "keys/other.key"}, {"name": "here", "key": "keys/here.key", "country": "kz"}
    (tmp_path / "keys").mkdir()
    make_key(tmp_path / "keys" / "other.key")
    path = tmp_path / "probe.json"
    with Served(always(http(b'{"asn": 9198, "role": "control"}'))) as served:
        before = {"register": served.address, "in_flight": 20, "vantages": [mine | {"control": False}, other]}
        path.write_text(json.dumps(before))
        enrol(Invitation(served.address, "token", "here", tmp_path, ca=ca))
    with pytest.raises(NotReached):
        enrol(Invitation(served.address, "token", "here", tmp_path, asn=1))
    after = {"ca": str(ca), "vantages": [mine | {"control": False, "asn": 9198}, other]}
    assert json.loads(path.read_text()) == before | after


def test_a_configuration_for_another_register_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "probe.json").write_text('{"broker": "redis://127.0.0.1:1/0", "vantages": []}')
    with pytest.raises(BadConfig, match="is not for https://localhost:9; take another --state"):
        enrol(Invitation("https://localhost:9", "token", "here", tmp_path))
    assert not list(tmp_path.glob("*.key"))
