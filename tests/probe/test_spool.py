"""What a probe keeps on its disk: durable, bounded, and gone only with a receipt."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from checks.engine.records import Exchange, Measurement, SelfTest
from checks.probe.batch import read_back
from checks.probe.messages import Order
from checks.probe.spool import RUN_LIMIT, Spool, SpooledRun

AT = datetime.now(UTC)
FIT = SelfTest(AT.isoformat())
LARGE = 1024 * 1024


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Spool]:
    """The same spool again, as after a restart."""
    return lambda limit=LARGE: Spool(tmp_path / "spool", limit)


def order(*urls: str, run: int = 1, attempt: int = 1) -> Order:
    return Order("here", run, attempt, tuple((url, ()) for url in urls), 300.0)


def visit(url: str, *, at: datetime = AT, body: str = "") -> Measurement:
    page = Exchange(0, "93.184.216.34", 80, url, 0.1, 0.2, status=200, title="T", body=body)
    return Measurement(str(uuid7()), url, at.isoformat(), 1.0, "x", "x", "x", False, exchanges=(page,))


def keep(spool: Spool, run: SpooledRun, *visits: Measurement) -> None:
    for future in [spool.append(run, one) for one in visits]:
        future.result(timeout=10)


def kept(run: SpooledRun) -> list[str]:
    return [read_back(line).url for line in run.lines()]


def test_what_was_kept_is_there_after_a_restart(opened: Callable[..., Spool]) -> None:
    run = opened().take(order("http://a.kz/", "http://b.kz/", "http://c.kz/"), at=AT)
    spool = opened()
    [again] = spool.runs()
    assert (again.order, again.came, again.rest) == (run.order, AT, list(run.order.items))
    spool.prove(again, FIT)
    first = visit("http://a.kz/")
    keep(spool, again, first, visit("http://b.kz/"))
    [later] = opened().runs()
    assert read_back(next(later.lines())) == first
    assert (later.test, later.done, later.rest) == (FIT, False, [("http://c.kz/", ())])
    spool.finish(again, replace(FIT, lag=0.5))
    [last] = opened().runs()
    assert (last.done, last.test) == (True, replace(FIT, lag=0.5))


def test_a_torn_last_line_is_no_visit_and_spoils_none_that_follows(opened: Callable[..., Spool]) -> None:
    spool = opened()
    run = spool.take(order("http://a.kz/", "http://b.kz/"), at=AT)
    keep(spool, run, visit("http://a.kz/"))
    with (run.folder / "visits.jsonl").open("ab") as file:
        file.write(b'{"id": "0190", "url": "http://b.kz/", "sta')
    spool = opened()
    [again] = spool.runs()
    assert again.rest == [("http://b.kz/", ())]
    keep(spool, again, visit("http://b.kz/"))
    assert kept(again) == ["http://a.kz/", "http://b.kz/"]


def test_a_line_that_the_disk_spoilt_is_passed_over(opened: Callable[..., Spool]) -> None:
    spool = opened()
    run = spool.take(order("http://a.kz/", "http://b.kz/"), at=AT)
    keep(spool, run, visit("http://a.kz/"), visit("http://b.kz/"))
    path = run.folder / "visits.jsonl"
    path.write_bytes(b"\0" * 40 + path.read_bytes()[40:])
    [again] = opened().runs()
    assert kept(again) == ["http://b.kz/"]
    assert again.rest == [("http://a.kz/", ())]


def test_an_order_that_was_not_kept_whole_is_not_there(opened: Callable[..., Spool]) -> None:
    spool = opened()
    run = spool.take(order("http://a.kz/"), at=AT)
    run.folder.rename(run.folder.with_name(".1-1"))  # as it is called until all of it is on the disk
    assert opened().runs() == []
    assert list(run.folder.parent.iterdir()) == []


def test_an_order_that_cannot_be_read_is_set_aside_and_the_others_go_on(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spoilt = spool.take(order("http://a.kz/"), at=AT)
    spool.take(order("http://a.kz/", run=2), at=AT)
    (spoilt.folder / "order.json").write_bytes(b"\0\0")
    again = opened()
    assert [run.order.run for run in again.runs()] == [2]
    [aside] = (spoilt.folder.parents[2] / "refused").iterdir()
    assert "cannot be read" in (aside / "reason.txt").read_text()


def test_it_is_full_at_its_limit_and_what_still_comes_is_cut_to_its_bones(opened: Callable[..., Spool]) -> None:
    spool = opened(limit=50_000)
    run = spool.take(order("http://a.kz/", "http://b.kz/"), at=AT)
    assert not spool.full
    keep(spool, run, visit("http://a.kz/", body="x" * 50_000))
    assert spool.full
    keep(spool, run, visit("http://b.kz/", body="x" * 50_000))
    whole, bones = map(read_back, run.lines())
    assert (len(whole.exchanges[0].body or ""), bones.exchanges[0].body) == (50_000, None)
    assert bones.exchanges[0].title == "T"
    assert opened(limit=50_000).full  # also after a restart
    spool.forget(run)
    assert not spool.full


def test_no_run_grows_beyond_what_a_batch_may_hold(opened: Callable[..., Spool]) -> None:
    spool = opened(limit=10 * RUN_LIMIT)
    run = spool.take(order("http://a.kz/"), at=AT)
    run.size = RUN_LIMIT
    (run.folder / "visits.jsonl").write_bytes(b" " * (RUN_LIMIT - 1) + b"\n")
    keep(spool, run, visit("http://a.kz/", body="x" * 50_000))
    assert run.size < RUN_LIMIT + 2_000


def test_orders_count_for_the_limit_too(opened: Callable[..., Spool]) -> None:
    spool = opened(limit=50_000)
    spool.take(order(*(f"http://{number}.kz/" for number in range(2500))), at=AT)
    assert spool.full


def test_there_is_room_for_runs_whose_visits_will_fit_if_they_are_like_those_before(
    opened: Callable[..., Spool],
) -> None:
    spool = opened()
    one, other = (
        spool.take(order(*(f"http://{number}.kz/" for number in range(20)), run=run), at=AT) for run in (1, 2)
    )
    assert spool.room_for([one])
    assert not spool.room_for([one, other])  # 40 ordinary visits are more than its limit
    keep(spool, one, *(visit(f"http://{number}.kz/") for number in range(10)))
    assert spool.room_for([one, other])  # these are small


def test_a_newer_attempt_has_what_pairs_with_its_control_and_the_rest_goes_home_late(
    opened: Callable[..., Spool],
) -> None:
    spool = opened()
    first = spool.take(order("http://a.kz/", "http://b.kz/", "http://c.kz/"), at=AT)
    spool.prove(first, FIT)
    keep(spool, first, visit("http://a.kz/"), visit("http://b.kz/", at=AT + timedelta(minutes=9)))
    asked = order("http://a.kz/", "http://b.kz/", "http://c.kz/", attempt=2)
    assert spool.has(order(attempt=1))
    assert not spool.has(asked)
    second = spool.take(asked, at=AT + timedelta(minutes=11))
    assert spool.has(asked)
    assert (kept(second), second.rest) == (["http://b.kz/"], [("http://a.kz/", ()), ("http://c.kz/", ())])
    assert (first.done, kept(first)) == (True, ["http://a.kz/", "http://b.kz/"])
    assert [run.order.attempt for run in opened().runs()] == [1, 2]


def test_an_older_attempt_that_the_newer_has_whole_is_not_sent(opened: Callable[..., Spool]) -> None:
    spool = opened()
    first = spool.take(order("http://a.kz/", "http://b.kz/"), at=AT)
    keep(spool, first, visit("http://a.kz/"))
    spool.take(order("http://a.kz/", "http://b.kz/", attempt=2), at=AT)
    assert [run.order.attempt for run in opened().runs()] == [2]


def test_what_was_finished_and_has_no_receipt_stays_beside_a_newer_attempt(opened: Callable[..., Spool]) -> None:
    spool = opened()
    first = spool.take(order("http://a.kz/"), at=AT)
    keep(spool, first, visit("http://a.kz/"))
    spool.finish(first, FIT)
    second = spool.take(order("http://a.kz/", attempt=2), at=AT)
    assert (second.rest, second.test) == ([], FIT)
    assert [run.order.attempt for run in opened().runs()] == [1, 2]


def test_a_visit_that_cannot_be_written_is_told_and_the_next_one_can(opened: Callable[..., Spool]) -> None:
    spool = opened()
    run = spool.take(order("http://a.kz/", "http://b.kz/"), at=AT)
    away = run.folder.rename(run.folder.with_name("away"))
    with pytest.raises(OSError, match="No such file"):
        keep(spool, run, visit("http://a.kz/"))
    away.rename(run.folder)
    with pytest.raises(ValueError, match="surrogate"):
        spool.append(run, visit("http://a.kz/", body="\ud800"))
    keep(spool, run, visit("http://b.kz/"))
    assert kept(run) == ["http://b.kz/"]


def test_only_the_last_refused_runs_are_kept(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened()
    for number in range(30):
        spool.forget(spool.take(order("http://a.kz/", run=number), at=AT), refused=f"reason {number}")
    reasons = [(place / "reason.txt").read_text() for place in sorted((tmp_path / "refused").iterdir())]
    assert reasons == [f"reason {number}\n" for number in range(10, 30)]


def test_nothing_is_half_deleted(opened: Callable[..., Spool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened()
    run = spool.take(order("http://a.kz/"), at=AT)
    with monkeypatch.context() as killed:  # while it deletes
        killed.setattr("checks.probe.spool.shutil.rmtree", lambda path, **_: (path / "visits.jsonl").unlink())
        spool.forget(run)
    assert opened().runs() == []
    assert not (tmp_path / "refused").exists()
    assert list(run.folder.parent.iterdir()) == []


def test_a_closed_spool_has_all_that_was_appended(opened: Callable[..., Spool]) -> None:
    spool = opened()
    run = spool.take(order(*(f"http://{number}.kz/" for number in range(200))), at=AT)
    futures = [spool.append(run, visit(f"http://{number}.kz/")) for number in range(200)]
    spool.close()
    assert all(future.done() for future in futures)
    assert len(kept(opened().runs()[0])) == 200
    assert json.loads((run.folder / "order.json").read_text())["order"]["lease"] == 300.0
