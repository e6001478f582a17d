"""A line that can be cut, and a clock that can be wrong."""

from __future__ import annotations

import mmap
import os
import selectors
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from tests.conftest import free_port

HERE = "127.0.0.1"


class Line(threading.Thread):
    """Carries connections from a port of its own to another. While it is cut it carries nothing and takes none."""

    def __init__(self, to: int) -> None:
        super().__init__(name=f"line to {to}", daemon=True)
        self.port, self._to = free_port(), to
        self._until = 0.0
        self._ended = threading.Event()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._ready = selectors.DefaultSelector()
        self._listener = socket.create_server((HERE, self.port))
        self._ready.register(self._listener, selectors.EVENT_READ)

    def cut(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        time.sleep(seconds)

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.is_set():
            whole = time.monotonic() > self._until
            if not whole:
                for one in list(self._pairs):
                    self._drop(one)
            for key, _ in self._ready.select(0.1):
                one = key.fileobj
                if one is self._listener:
                    self._accept(whole)
                elif isinstance(one, socket.socket) and one in self._pairs:
                    self._carry(one)
        for one in list(self._pairs):
            self._drop(one)
        self._listener.close()

    def _accept(self, whole: bool) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection((HERE, self._to), timeout=5) if whole else None
        except OSError:
            far = None
        if far is None:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.settimeout(30)
            self._pairs[one] = other
            self._ready.register(one, selectors.EVENT_READ)

    def _carry(self, one: socket.socket) -> None:
        try:
            data = one.recv(2**16)
            if data:
                self._pairs[one].sendall(data)
                return
        except OSError:
            pass  # either side hung up
        self._drop(one)

    def _drop(self, one: socket.socket) -> None:
        for end in (one, self._pairs.pop(one, None)):
            if end is not None:
                self._pairs.pop(end, None)
                if end.fileno() >= 0:
                    self._ready.unregister(end)
                    end.close()


class Clock:
    """Of every program that has `environment`: right until it is set ahead."""

    def __init__(self, folder: Path) -> None:
        shim, self._file = folder / "clock.so", folder / "clock"
        source = Path(__file__).parent / "clock.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", shim, source], check=True)
        self._file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(shim), "CHAOS_CLOCK": str(self._file)}

    def set(self, ahead: int) -> None:
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), 8) as page:
            page[:] = struct.pack("=q", ahead)
        os.sync()
