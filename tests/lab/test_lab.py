import asyncio
import json
import signal
import socket
from contextlib import suppress

import psutil
import pytest

from checks.engine.guard import refuse
from checks.engine.visit import measure
from checks.engine.world import World
from checks.lab.lab import Lab
from checks.lab.networks import NETWORKS
from checks.lab.sites import SITES


def our_ports() -> set:
    return {(c.type, c.laddr) for c in psutil.Process().net_connections() if c.laddr}


def test_closing_the_lab_leaves_no_port_and_no_task(tmp_path):
    async def open_and_close() -> tuple[int, int]:
        async with Lab(tmp_path):
            opened = len(our_ports() - before)
        return opened, len(asyncio.all_tasks())

    before = our_ports()
    opened, tasks = asyncio.run(open_and_close())
    assert opened > 100
    assert tasks == 1
    assert our_ports() <= before


def test_the_lab_ends_when_its_standard_input_closes(start_lab, tmp_path):
    with start_lab(tmp_path) as process:
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_the_lab_ends_when_it_is_told_to(start_lab, tmp_path, name):
    with start_lab(tmp_path) as process:
        process.send_signal(name)
        assert process.wait(timeout=10) == 0


def test_every_vantage_has_a_world_file_marked_imitated(lab_directory):
    listed = json.loads((lab_directory / "lab.json").read_text())
    assert [v["name"] for v in listed["vantages"]] == [v.name for n in NETWORKS for v in n.vantages]
    assert [site["url"] for site in listed["sites"]] == [site.url for site in SITES]
    for vantage in listed["vantages"]:
        world = World.load(lab_directory / vantage["world"])
        assert world.imitated
        assert world.name == vantage["network"]


@pytest.mark.parametrize(
    "nonsense", [b"", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01\xff\xff" + b"\x00" * 70_000, b"\r\n" * 99]
)
def test_the_lab_outlives_clients_that_talk_nonsense(tmp_path, caplog, nonsense):
    async def say_it_to(transport: str, host: str, port: int) -> None:
        with socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as client:
            client.settimeout(0.2)
            with suppress(OSError):
                await asyncio.to_thread(client.connect, (host, port))
                await asyncio.to_thread(client.sendall, nonsense[:60_000])

    async def bother() -> str | None:
        async with Lab(tmp_path):
            world = World.load(tmp_path / "d-1.world.json")
            await asyncio.gather(*(say_it_to(key[:3], *place) for key, place in world.addresses.items()))
            return (await measure("https://linkedin.com/", world)).failure

    assert asyncio.run(bother()) is None
    assert caplog.records == []


def test_every_site_stands_at_an_address_that_may_be_dialled():
    assert [refuse(address) for site in SITES for address in site.addresses if refuse(address)] == []
