"""The worker on the queues of results: what probes send is all that it reads, so it knows one task and no other."""

from __future__ import annotations

from celery import Celery

from checks.models import Vantage

ONLY = "record"


def recorder() -> Celery:
    """An application whose only registered task is `record`: a message that names another is thrown away."""
    app = Celery("recorder", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.finalize()
    for name in set(app.tasks) - {ONLY}:
        app.tasks.unregister(name)
    return app


def queues() -> list[str]:
    """Where the batches of all admitted vantages come home; each is in the key space of one account."""
    asked = Vantage.objects.filter(state=Vantage.State.ADMITTED, way=Vantage.Way.QUEUE).order_by("pk")
    return [vantage.results for vantage in asked]
