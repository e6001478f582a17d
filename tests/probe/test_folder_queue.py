"""The queue without a server: two processes' worth of writers and a reader, and nothing half-read."""

from __future__ import annotations

import threading
from pathlib import Path

from celery import Celery
from kombu import Connection

from checks.probe import folder_queue

MESSAGES, WRITERS = 60, 4


def test_a_reader_never_meets_half_a_message(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }

    def write(number: int) -> None:
        with Connection("filesystem://", transport_options=options) as connection:
            queue = connection.SimpleQueue("work")
            for message in range(MESSAGES):
                queue.put({"writer": number, "message": message, "ballast": "x" * 200_000})

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    seen = set()
    with Connection("filesystem://", transport_options={**options, "polling_interval": 0.01}) as connection:
        assert isinstance(connection.transport, folder_queue.Transport)
        queue = connection.SimpleQueue("work")
        for writer in writers:
            writer.start()
        while len(seen) < MESSAGES * WRITERS:
            message = queue.get(timeout=30)
            seen.add((message.payload["writer"], message.payload["message"]))
            message.ack()
    for writer in writers:
        writer.join()
    assert len(seen) == MESSAGES * WRITERS


def test_a_vantages_queue_with_its_colon_takes_tasks(tmp_path: Path) -> None:
    app = Celery("test", broker="filesystem://", set_as_current=False)
    app.conf.broker_transport_options = folder_queue.options(tmp_path)
    app.send_task("measure", kwargs={"run": 1}, queue="here:probe")
    with app.connection() as connection:
        message = connection.SimpleQueue("here:probe").get(timeout=10)
        assert message.payload[1] == {"run": 1}
