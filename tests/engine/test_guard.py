import socket

import pytest

from checks.engine.connect import connect
from checks.engine.guard import Refused, is_bogon, refuse
from checks.engine.stopwatch import Stopwatch
from checks.engine.world import World

REFUSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1",
    "192.168.0.1", "192.168.255.255", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1",
    "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:2800::1%1", "fec0::1",
    "ff02::1", "1fff::1",
]  # fmt: skip

ALLOWED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "::ffff:8.8.8.8", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111",
    "2a00:1450::1", "3ffe::1",
]  # fmt: skip

BOGONS = [
    "0.0.0.0", "10.10.34.35", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "192.0.0.1", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:8.8.8.8", "::808:808", "100::1", "2001:10::1", "2001:db8::1", "fc00::1", "fe80::1", "fec0::1",
    "ff02::1", "2002:a00:1::1", "2001:0:7f00:1::1",
]  # fmt: skip

NO_ADDRESS = ["", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "8.8.8.8 ", "[::1]", "８.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused_with_a_reason(address):
    assert refuse(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_may_be_dialled(address):
    assert refuse(address) is None


@pytest.mark.parametrize("address", NO_ADDRESS)
def test_what_is_no_canonical_address_is_refused(address):
    assert refuse(address) == "not an address"


@pytest.mark.parametrize("address", BOGONS)
def test_no_public_name_points_at_a_bogon(address):
    assert is_bogon(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "192.31.196.1", "2606:4700::1", "2002:808:808::1", "no address"])
def test_other_addresses_are_no_bogons(address):
    assert not is_bogon(address)


async def test_nothing_can_dial_a_refused_address_even_by_mistake():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        world = World("test", imitated=True, resolvers=(), addresses={"tcp/10.0.0.1:443": listener.getsockname()})
        with pytest.raises(Refused):
            await connect(0, "10.0.0.1", 443, world, Stopwatch(5))
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
