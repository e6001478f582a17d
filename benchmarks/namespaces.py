"""Network namespaces of our own, gone again when their block ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION = Path("/etc/netns")  # `ip netns exec` shows NAME/resolv.conf as /etc/resolv.conf
# Lost questions are asked again soon, for the clients that resolve through libc or Go.
_RESOLV_CONF = "nameserver {resolver}\noptions timeout:2 attempts:5\n"
_SETTINGS = (
    "net.core.somaxconn=65535",
    "net.ipv4.tcp_max_syn_backlog=65535",
    "net.ipv4.tcp_syncookies=0",
    "net.ipv4.tcp_tw_reuse=1",
    "net.ipv4.ip_local_port_range=2048 65000",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
)


@dataclass(frozen=True)
class Namespace:
    name: str

    def command(self, command: Sequence[str]) -> list[str]:
        """The same command, inside. `ip` replaces itself by it, so the process id stays."""
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *words: str) -> str:
        """`ip` on this namespace's own links and routes."""
        return _run("ip", "-n", self.name, *words)


@contextmanager
def namespace(role: str, resolver: str) -> Iterator[Namespace]:
    """A fresh namespace with loopback up, whose programs ask `resolver`."""
    name = f"tizilim-bench-{os.getpid()}-{role}"
    configuration = _CONFIGURATION / name
    _run("ip", "netns", "add", name)
    try:
        made = Namespace(name)
        made.ip("link", "set", "lo", "up")
        _run(*made.command(["sysctl", "-qw", *_SETTINGS]))
        configuration.mkdir(parents=True)
        (configuration / "resolv.conf").write_text(_RESOLV_CONF.format(resolver=resolver))
        yield made
    finally:
        shutil.rmtree(configuration, ignore_errors=True)
        subprocess.run(["ip", "netns", "del", name], check=False)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
