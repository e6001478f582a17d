"""Progress is what is touched: a worker that hangs stops touching its file, whatever it still answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery
from celery.worker import state

from checks.probe import folder_queue
from checks.probe.progress import Progress, waiting
from tests.conftest import free_port
from tests.probe.probes import until

PATIENCE = 0.5


@pytest.fixture
def app(tmp_path: Path) -> Celery:
    state.reset_state()  # of the process: a worker of another test may have left a task at work
    app = Celery("test", broker="filesystem://", set_as_current=False)
    app.conf.broker_transport_options = folder_queue.options(tmp_path / "queue")
    return app


@contextmanager
def watched(
    app: Celery, path: Path, *, queue: str = "here:probe", alive: Callable[[], bool] = lambda: True
) -> Iterator[Callable[[], bool]]:
    """Within: whether the file is touched from now on."""
    progress = Progress(app, [queue], path, alive=alive, beat=0.1, patience=PATIENCE)
    progress.start()

    def touched() -> bool:
        path.unlink(missing_ok=True)
        time.sleep(4 * PATIENCE)
        return path.exists()

    try:
        yield touched
    finally:
        progress.stop()
        progress.join()


def test_a_worker_with_nothing_to_do_is_well(app: Celery, tmp_path: Path) -> None:
    with watched(app, tmp_path / "progress") as touched:
        assert touched()


def test_a_worker_that_leaves_work_lying_is_not(app: Celery, tmp_path: Path) -> None:
    app.send_task("measure", queue="here:probe")
    assert waiting(app, ["here:probe", "elsewhere:probe"]) == 1
    with watched(app, tmp_path / "progress") as touched:
        assert any(not touched() for _ in range(5))  # once its patience is over, however late that is noticed


def test_work_of_others_is_not_held_against_it(app: Celery, tmp_path: Path) -> None:
    app.send_task("measure", queue="elsewhere:probe")
    with watched(app, tmp_path / "progress") as touched:
        assert touched()


def test_a_process_that_is_not_alive_in_another_way_is_not_well(app: Celery, tmp_path: Path) -> None:
    with watched(app, tmp_path / "progress", alive=lambda: False) as touched:
        assert any(not touched() for _ in range(5))


def test_a_broker_that_is_away_is_not_held_against_its_worker(tmp_path: Path) -> None:
    app = Celery("test", broker=f"redis://127.0.0.1:{free_port()}/0", set_as_current=False)
    with watched(app, tmp_path / "progress") as touched:
        assert touched()


def test_a_worker_that_gets_on_is_well_however_much_waits(app: Celery, tmp_path: Path) -> None:
    finished = threading.Event()

    @app.task(name="work")
    def work() -> None:
        finished.wait(0.05)

    for _ in range(100):
        app.send_task("work", queue="here:probe")
    worker = app.WorkController(
        pool="solo", queues=["here:probe"], without_heartbeat=True, without_mingle=True, without_gossip=True
    )
    thread = threading.Thread(target=worker.start, daemon=True)
    with watched(app, tmp_path / "progress") as touched:
        thread.start()
        until(lambda: waiting(app, ["here:probe"]) < 100, "it has begun")
        assert touched()
        state.should_stop = 0
        thread.join(timeout=30)
    state.should_stop = None
