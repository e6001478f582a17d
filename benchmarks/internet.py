"""The bench's internet: a namespace of servers, and one of clients at the end of a long line to it.

What needs no delay runs beside the servers, in their namespace. Nothing here reaches a real network.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import certificates, line, servers, sites
from benchmarks.namespaces import Namespace, namespace


@dataclass(frozen=True)
class Internet:
    directory: Path
    near: Namespace  # where the servers are
    far: Namespace | None  # behind the line; None where no line could be built

    def path(self, name: str) -> str:
        return str(self.directory / name)


@contextmanager
def internet(names: Sequence[str], *, with_line: bool) -> Iterator[Internet]:
    """All of it, until the block ends."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tizilim-bench-")))
        answering = [name for name in names if not sites.is_hole(name)]
        certificates.write(directory, [*answering, sites.DOH_NAME])
        servers.write_configuration(directory, names)
        near = stack.enter_context(namespace("near", "127.0.0.1"))
        for destination in (sites.SITES, sites.RESOLVER, sites.PUBLIC_RESOLVER, sites.DOH_SERVER):
            near.ip("route", "add", "local", destination, "dev", "lo")
        # Packets to the holes come in, and since nothing forwards them they vanish without a word.
        near.ip("route", "add", "blackhole", sites.HOLES)
        stack.enter_context(servers.servers(near, directory))
        far = None
        if with_line:
            far = stack.enter_context(namespace("far", sites.RESOLVER))
            stack.enter_context(line.line(near, far, directory / "line.log"))
        yield Internet(directory, near, far)
