"""Public pages and the API read from a copy of the database, where DATABASE_REPLICA_URL names one.

Everything else is the primary's: the desk, the door of probes, receipts, whatever is not GET or HEAD, whatever follows
a write of the same request, and what is hidden in an emergency, which must not wait for a copy. A copy that is gone,
or too far behind, costs no page: they come from the primary until it is fit again.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections, models
from django.http import HttpRequest, HttpResponseBase

from registry.models import Document, Hiding

REPLICA = "replica"
PRIMARY_PATHS = ("/desk/", "/probe/", "/healthz", "/metrics", "/api/v1/reports", "/api/v1/problems")
PRIMARY_MODELS = (Hiding, Document)
FIT, UNFIT = 1.0, 5.0  # seconds until it is asked again how it is

# Whether it receives from a primary (one that lost it has soon replayed all it has), whether it has replayed what it
# received, and seconds since the newest change that it has, which say too much where nothing changed.
_STANDING = """
SELECT pg_is_in_recovery() AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL),
       pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn(),
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
"""

log = logging.getLogger(__name__)
_reads_from: ContextVar[str] = ContextVar("reads_from", default=DEFAULT_DB_ALIAS)


class Router:
    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS if issubclass(model, PRIMARY_MODELS) else _reads_from.get()

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        _reads_from.set(DEFAULT_DB_ALIAS)  # whoever wrote reads what was written
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


class Middleware:
    """Chooses for each request, and for what is streamed after it; one that the copy failed is answered anew."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._fit: bool | None = None  # not known yet
        self._asked_again, self._level_at = 0.0, -math.inf  # of time.monotonic()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        public = request.method in ("GET", "HEAD") and not request.path.startswith(PRIMARY_PATHS)
        _reads_from.set(REPLICA if public and self._is_fit() else DEFAULT_DB_ALIAS)
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """The same page from the primary: nothing was written, and nothing was sent."""
        if _reads_from.get() != REPLICA or not isinstance(error, OperationalError | InterfaceError):
            return None
        self._set(fit=False, why=str(error))
        _reads_from.set(DEFAULT_DB_ALIAS)
        view = request.resolver_match
        return view.func(request, *view.args, **view.kwargs) if view else None

    def _is_fit(self) -> bool:
        if time.monotonic() >= self._asked_again:
            try:
                with connections[REPLICA].cursor() as cursor:
                    cursor.execute(_STANDING)
                    self._judge(*cursor.fetchone())
            except DatabaseError as error:
                self._set(fit=False, why=str(error))
        return bool(self._fit)

    def _judge(self, receives: bool, level: bool, newest: Decimal | None) -> None:
        """It is no further behind than since it was last seen level, nor than its newest change is old."""
        now = time.monotonic()
        self._level_at = now if level else self._level_at
        behind = min(now - self._level_at, math.inf if newest is None else float(newest))
        why = f"the copy is {behind:.0f} s behind" if receives else "the copy receives nothing from its primary"
        self._set(fit=receives and behind <= settings.REPLICA_LAG, why=why)

    def _set(self, *, fit: bool, why: str) -> None:
        if not fit:
            connections[REPLICA].close()
            if self._fit is not False:
                log.warning("pages come from the primary, and not from DATABASE_REPLICA_URL: %s", why)
        self._fit, self._asked_again = fit, time.monotonic() + (FIT if fit else UNFIT)
