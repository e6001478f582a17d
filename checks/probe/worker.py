"""The Celery worker of a probe: one task, `measure`, and one event loop for all visits.

It takes runs from `probe.<vantage>`, measures, and sends a signed batch to queue `results`. It keeps
no state: a run that is lost with it goes out again when its lease ends.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from celery import Celery
from kombu import Queue

from checks.engine.batch import measure_run
from checks.engine.loop import new_event_loop
from checks.engine.records import Measurement, SelfTest
from checks.probe import folder_queue  # noqa: F401 (takes the place of kombu's own)
from checks.probe.batch import Batch, seal
from checks.probe.config import Config, ProbeVantage

IN_FLIGHT = 200  # visits at once in one process, shared by its vantages; their gates watch the loop's lag


class Loop:
    """One asyncio loop in a thread of its own, so that every visit of the process shares it."""

    def __init__(self, vantages: int) -> None:
        self._in_flight = max(1, IN_FLIGHT // vantages)
        self._loop = new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="visits", daemon=True).start()

    def submit(
        self, vantage: ProbeVantage, items: Sequence[tuple[str, Sequence[str]]]
    ) -> Future[tuple[SelfTest, list[Measurement]]]:
        return asyncio.run_coroutine_threadsafe(
            measure_run(items, vantage.world, in_flight=self._in_flight), self._loop
        )


def application(config: Config) -> Celery:
    """The probe's Celery application, bound to the queues of its own vantages."""
    app = Celery("probe", broker=config.broker, set_as_current=False)
    app.conf.update(
        broker_transport_options=config.broker_options,
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,  # whoever reaches the broker must not stop a probe
        task_queues=[Queue(vantage.queue) for vantage in config.vantages],
        task_routes={"record": {"queue": "results"}},
        timezone="UTC",
    )
    vantages = {vantage.name: vantage for vantage in config.vantages}
    loop = Loop(len(vantages))

    @app.task(name="measure")  # type: ignore[untyped-decorator,unused-ignore]
    def measure(vantage: str, run: int, attempt: int, items: list[tuple[str, list[str]]]) -> None:
        here = vantages[vantage]
        test, measured = loop.submit(here, [(url, addresses) for url, addresses in items]).result()
        batch = Batch(vantage, run, attempt, datetime.now(UTC), tuple(measured), test)
        body, signature = seal(batch, here.key)
        app.send_task(
            "record",
            kwargs={
                "vantage": vantage,
                "body": base64.b64encode(body).decode(),
                "signature": base64.b64encode(signature).decode(),
            },
        )

    return app
