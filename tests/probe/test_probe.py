"""A probe whose process, broker or line dies loses nothing, and makes no visit twice that it has kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.probe.probes import NAME, Probe, Register, Sites, hosts, quick, slow, until, urls

pytestmark = pytest.mark.redis


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    with Sites(tmp_path / "world.json") as sites:
        yield sites


@pytest.fixture
def queue(redis_url: str, request: pytest.FixtureRequest) -> str:
    """A key space that no other test has."""
    return f"{redis_url.rpartition('/')[0]}/{1 + hash(request.node.name) % 15}"


@pytest.fixture
def probe(tmp_path: Path, queue: str) -> Probe:
    return Probe(tmp_path, broker=queue)


@pytest.fixture
def register(probe: Probe, queue: str) -> Register:
    return Register(queue, probe.public_key)


def test_a_run_is_kept_until_its_receipt_comes(sites: Sites, probe: Probe, register: Register) -> None:
    asked = quick(1, 2, 3)
    with probe.running():
        register.order(7, asked)
        batch = register.batch()
        assert (batch.vantage, batch.run, batch.attempt) == (NAME, 7, 1)
        assert urls(batch.measurements) == asked
        assert batch.self_test is not None
        assert batch.said.software.startswith("tizilim-probe/")
        assert probe.runs() == ["7-1"]
        until(lambda: "1 batch waits for its receipt, no receipt yet" in probe.status(), "a status line")
        register.receipt(7, attempt=2)  # of another attempt
        register.receipt(7)
        until(lambda: probe.runs() == [], "the receipt is obeyed")
        until(lambda: "here: nothing to do, last receipt" in probe.status(), "the status says so within a second")
        assert "connected by queue to 127.0.0.1" in probe.status()


def test_kill_9_in_the_middle_costs_no_visit_that_was_finished(sites: Sites, probe: Probe, register: Register) -> None:
    done, held = quick(*range(12)), slow(*range(8))
    with probe.running():
        register.order(1, [*held, *done])
        until(lambda: probe.lines("1-1") == len(done), "the quick ones are kept")
        until(lambda: all(sites.visits[host] == 1 for host in hosts(held)), "the others are in flight")
        before = (probe.folder / "spool" / NAME / "1-1" / "visits.jsonl").read_bytes()
        probe.kill()
        until(lambda: all(sites.visits[host] == 2 for host in hosts(held)), "the rest is begun again")
        sites.let_go()
        batch = register.batch()
    assert urls(batch.measurements) == sorted([*held, *done])
    assert {sites.visits[host] for host in hosts(done)} == {1}
    ids = {measurement.id for measurement in batch.measurements}
    assert {json.loads(line)["id"] for line in before.splitlines()} <= ids


def test_sigterm_lets_visits_in_flight_finish_and_begins_none(sites: Sites, tmp_path: Path, queue: str) -> None:
    probe = Probe(tmp_path, broker=queue, in_flight=3)
    register = Register(queue, probe.public_key)
    held, later = slow(1, 2, 3), quick(*range(20))
    with probe.running():
        register.order(1, [*held, *later])
        until(lambda: all(sites.visits[host] == 1 for host in hosts(held)), "all places are taken")
        assert probe.process
        probe.process.terminate()
        time.sleep(1)  # for whatever would still begin
        sites.let_go()
        assert probe.process.wait(timeout=30) == 0
    assert probe.lines("1-1") == 3
    assert set(sites.visits) == set(hosts(held))
    with probe.running():
        batch = register.batch()
    assert urls(batch.measurements) == sorted([*held, *later])
    assert set(sites.visits.values()) == {1}


def test_a_visit_that_never_ends_delays_a_stop_by_less_than_half_a_minute(
    sites: Sites, probe: Probe, register: Register
) -> None:
    with probe.running():
        register.order(1, [*slow(1), *quick(1)])
        until(lambda: probe.lines("1-1") == 1 and sites.visits["slow1.kz"] == 1, "one is kept, one hangs")
        code, took = probe.stop()
    assert code == 0
    assert took < 30
    assert probe.lines("1-1") == 1


def test_an_order_that_comes_twice_is_taken_once(sites: Sites, probe: Probe, register: Register) -> None:
    with probe.running():
        for _ in range(2):
            register.order(1, [*slow(1), *quick(1, 2)])
        until(lambda: sites.visits["slow1.kz"] == 1, "it is at work")
        register.order(2, quick(9))
        assert register.batch().run == 2  # whatever came before has been taken up
        sites.let_go()
        assert register.batch().run == 1
        register.order(1, [*slow(1), *quick(1, 2)])
        register.order(3, quick(9))
        assert register.batch().run == 3
    assert (sites.visits["slow1.kz"], sites.visits["quick1.kz"]) == (1, 1)


def test_a_newer_attempt_takes_over_what_was_just_measured(sites: Sites, probe: Probe, register: Register) -> None:
    asked = [*slow(1, 2), *quick(1, 2, 3)]
    with probe.running():
        register.order(1, asked)
        until(lambda: probe.lines("1-1") == 3, "the quick ones are kept")
        register.order(1, asked, attempt=2)
        until(lambda: probe.runs() == ["1-2"], "the newer attempt stands for both")
        sites.let_go()
        batch = register.batch()
    assert (batch.run, batch.attempt) == (1, 2)
    assert urls(batch.measurements) == sorted(asked)
    assert [sites.visits[host] for host in hosts(quick(1, 2, 3))] == [1, 1, 1]


def test_a_run_whose_lease_ended_goes_home_with_what_it_has(sites: Sites, probe: Probe, register: Register) -> None:
    began = time.monotonic()
    with probe.running():
        register.order(1, [*slow(1), *quick(1, 2)], lease=8.0)
        until(lambda: probe.lines("1-1") == 2 and sites.visits["slow1.kz"] == 1, "two are kept, one hangs")
    time.sleep(max(0.0, 15.0 - (time.monotonic() - began)))
    with probe.running():
        batch = register.batch()
    assert urls(batch.measurements) == quick(1, 2)
    assert sites.visits["slow1.kz"] == 1


def test_what_the_register_refuses_is_set_aside_with_the_reason(sites: Sites, probe: Probe, register: Register) -> None:
    with probe.running():
        register.order(1, quick(1))
        register.batch()
        register.receipt(1, keep=True, reason="later")
        register.receipt(1, reason="the vantage's clock is wrong")
        until(lambda: probe.runs() == [], "it is out of the spool")
    [refused] = (probe.folder / "refused").iterdir()
    assert (refused / "reason.txt").read_text() == "the vantage's clock is wrong\n"
    assert (refused / "visits.jsonl").read_bytes().count(b"\n") == 1
    assert "later" in probe.said.read_text()


def test_a_batch_without_a_receipt_is_sent_again_under_a_new_number(
    sites: Sites, probe: Probe, register: Register
) -> None:
    with probe.running():
        register.order(1, quick(1))
        first, second = register.batch(), register.batch()
    assert first.nonce != second.nonce
    assert second.sent > first.sent
    assert first.measurements == second.measurements
    assert sites.visits["quick1.kz"] == 1


def test_a_bad_name_in_an_order_costs_the_others_nothing(sites: Sites, probe: Probe, register: Register) -> None:
    with probe.running():
        register.order(1, ["http://localhost/", *quick(1)])
        batch = register.batch()
    assert urls(batch.measurements) == ["http://localhost/", *quick(1)]  # or the run would never be whole
    assert [one.failure for one in batch.measurements if one.url == "http://localhost/"] == ["unknown_failure"]


def test_an_order_for_another_vantage_is_not_taken(sites: Sites, probe: Probe, register: Register, queue: str) -> None:
    elsewhere = Register(queue, probe.public_key)
    elsewhere._name = "../elsewhere"
    with probe.running():
        elsewhere._app.send_task(
            "measure",
            kwargs={"vantage": "../elsewhere", "run": 1, "attempt": 1, "items": [], "lease": 9.0},
            queue=f"{NAME}:probe",
        )
        elsewhere._app.send_task("measure", kwargs={"vantage": NAME, "run": "1"}, queue=f"{NAME}:probe")
        register.order(2, quick(1))
        assert register.batch().run == 2
    assert not (probe.folder / "elsewhere").exists()
