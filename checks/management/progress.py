"""The line that shows how far a long command is: on a terminal only, on stderr."""

from __future__ import annotations

import time
from typing import TextIO

BAR = 30
EVERY = 0.2  # seconds


class Progress:
    """`unit` is what is counted, for the rate; `total` 0 means that nobody knows."""

    def __init__(self, stream: TextIO, total: int, unit: str) -> None:
        self._stream, self._total, self._unit = stream, total, unit
        self._began = time.monotonic()
        self._drawn = 0.0
        self._is_shown = stream.isatty()

    def show(self, done: int, rated: int | None = None) -> None:
        """`rated` counts for the rate and the rest of the time, where some of what is done took no time."""
        now = time.monotonic()
        if not self._is_shown or now - self._drawn < EVERY:
            return
        self._drawn = now
        rate = (done if rated is None else rated) / max(now - self._began, 0.001)
        share = min(done / self._total, 1.0) if self._total else 0.0
        filled = int(BAR * share)
        left = _span((self._total - done) / rate) if rate and self._total else "?"
        line = f"[{'#' * filled}{'.' * (BAR - filled)}] {100 * share:3.0f} %  {rate:,.0f} {self._unit}/s  {left} left"
        self._stream.write(f"\r{line:<78}")
        self._stream.flush()

    def end(self) -> None:
        if self._is_shown:
            self._stream.write(f"\r{'':<78}\r")
            self._stream.flush()


def _span(seconds: float) -> str:
    minutes, rest = divmod(max(int(seconds), 0), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
