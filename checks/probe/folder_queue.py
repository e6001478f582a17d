"""The filesystem queue of kombu, whose reader could meet a file that is still being written.

Its writer opens the message's final name first and fills it afterwards; a reader in between reads
nothing, fails to parse it, and the worker stops consuming for good. Here a message appears whole.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

_TRIES, _PAUSE = 50, 0.02  # an exchange's table is rewritten in microseconds


class Channel(filesystem.Channel):  # type: ignore[misc,unused-ignore]
    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override,unused-ignore]
        folder = Path(self.data_folder_out)
        partial = folder / f"{uuid.uuid4()}.partial"
        partial.write_text(dumps(payload), encoding="utf-8")
        partial.rename(folder / f"{time.monotonic_ns()}_{partial.stem}.{queue}.msg")

    def _exchange_file(self, exchange: str) -> Any:
        """Celery names an exchange after its queue, and a vantage's queues have a colon, which kombu allows in none."""
        file: Any = filesystem.Channel._exchange_file  # type: ignore[attr-defined,unused-ignore]  # kombu's types lack it
        return file(self, exchange.replace(":", "."))

    def get_table(self, exchange: str) -> Any:
        for _ in range(_TRIES - 1):
            try:
                return super().get_table(exchange)
            except ValueError:  # caught between its creation and its first byte
                time.sleep(_PAUSE)
        return super().get_table(exchange)


class Transport(filesystem.Transport):  # type: ignore[misc,unused-ignore]
    Channel = Channel


TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"


def options(folder: Path) -> dict[str, Any]:
    """Transport options of a queue in one folder, which is made."""
    (folder / "control").mkdir(parents=True, exist_ok=True)
    place = str(folder)
    return {
        "data_folder_in": place,
        "data_folder_out": place,
        "control_folder": str(folder / "control"),
        "polling_interval": 0.5,
    }
