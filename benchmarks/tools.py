"""What the bench needs of the machine, and one sentence about each thing that is not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import loops


@dataclass(frozen=True)
class Tool:
    name: str
    get: str  # how to come by it
    without: str  # what is lost

    @property
    def sentence(self) -> str:
        return f"There is no {self.name} here ({self.get}): {self.without}."


NOTHING = "nothing can be measured"
EXPORTER, OPENSSL, GO, TUN, UVLOOP = "prometheus-blackbox-exporter", "openssl", "go", "/dev/net/tun", "uvloop"
_LEFT_OUT = "its rows are left out and the goals that compare with it are not judged"
_TOOLS = (
    Tool("ip", "apt install iproute2", NOTHING),
    Tool("sysctl", "apt install procps", NOTHING),
    Tool("knotd", "apt install knot", NOTHING),
    Tool("nginx", "apt install nginx-light", NOTHING),
    Tool(EXPORTER, f"apt install {EXPORTER}", _LEFT_OUT),
    Tool(OPENSSL, "apt install openssl", _LEFT_OUT),
    Tool(GO, "apt install golang-go", _LEFT_OUT),
)
_UVLOOP = Tool(UVLOOP, "pip install -r benchmarks/requirements.txt", "asyncio's own loop is judged in its place")
_TUN = Tool(TUN, "modprobe tun", "there is no long line, so sweep and overload are left out and their goals not judged")
_SBIN = "/usr/sbin"  # not on everybody's path


def missing() -> tuple[Tool, ...]:
    path = f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
    absent = [tool for tool in _TOOLS if not shutil.which(tool.name, path=path)]
    if loops.best() != UVLOOP:
        absent.append(_UVLOOP)
    if not Path(TUN).exists():
        absent.append(_TUN)
    return tuple(absent)


def why_not(absent: Collection[Tool]) -> str | None:
    """Why nothing at all can be measured, in one sentence."""
    if os.geteuid() != 0:
        return "This makes network namespaces, so it must run as root."
    return next((tool.sentence for tool in absent if tool.without == NOTHING), None)
