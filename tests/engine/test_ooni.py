"""Our measurements in OONI's data format, field by field as df-000, 001, 002, 005, 006 and 008 have them."""

import base64
import json
from datetime import datetime

import pytest
from cryptography import x509
from jsonschema import Draft202012Validator

from checks.engine.ooni import export
from checks.engine.records import Measurement
from checks.engine.visit import measure
from checks.engine.world import DOH, ISP, PUBLIC, Resolver
from tests.engine.ooni_format import DOCUMENT
from tests.servers import RESOLVER, SITE, Servers, after_request, page, redirect, reset

V6 = "2606:2800:220::34"
FORMAT = Draft202012Validator(DOCUMENT, format_checker=Draft202012Validator.FORMAT_CHECKER)


async def visited(server=None, url: str = "site.kz", **deadlines: float) -> Measurement:
    resolvers = (
        Resolver(ISP, RESOLVER),
        Resolver(PUBLIC, RESOLVER),
        Resolver(DOH, RESOLVER, 443, "https://dns.kz/dns-query"),
    )
    async with Servers() as net:
        await net.name(SITE, V6)
        await (
            net.tcp(server, 443) if server else net.web(page(b"<title>\xd2\x9a</title>", "200 OK", "X-A: 1", "X-A: 2"))
        )
        await net.tcp(redirect("https://site.kz/"), 80)
        return await measure(url, net.world(*resolvers, **deadlines))


async def test_the_envelope_names_our_software_and_hides_the_probe():
    measurement = await visited()
    document = export(measurement, asn=9198, network="KAZTELECOM-AS", country="KZ")
    assert json.loads(json.dumps(document)) == document
    assert (document["probe_asn"], document["probe_cc"], document["probe_network_name"]) == (
        "AS9198",
        "KZ",
        "KAZTELECOM-AS",
    )
    assert (document["probe_ip"], document["resolver_ip"]) == ("127.0.0.1", RESOLVER)
    assert (document["software_name"], document["test_name"]) == ("tizilim-engine", "tizilim_visit")
    assert document["annotations"]["imitated"] == "true"
    assert all(isinstance(value, str) for value in document["annotations"].values())
    started = datetime.strptime(document["measurement_start_time"], "%Y-%m-%d %H:%M:%S")
    assert started.isoformat() == measurement.started[:19]


async def test_a_network_that_is_not_told_has_oonis_words_for_it():
    document = export(await visited())
    assert (document["probe_asn"], document["probe_cc"]) == ("AS0", "ZZ")


async def test_queries_are_of_df_002():
    queries = export(await visited())["test_keys"]["queries"]
    engines = {(q["engine"], tag) for q in queries for tag in q["tags"][1:]}
    assert engines == {("udp", "isp"), ("udp", "public")}
    assert {q["engine"] for q in queries} == {"udp", "doh"}
    one = next(q for q in queries if q["engine"] == "udp" and q["query_type"] == "A")
    assert (one["hostname"], one["failure"], one["rcode"], one["resolver_address"]) == (
        "site.kz", None, 0, f"{RESOLVER}:53",
    )  # fmt: skip
    assert one["answers"] == [{"answer_type": "A", "ipv4": SITE, "ttl": 60}]
    assert base64.b64decode(one["raw_response"])
    assert any(a.get("ipv6") == V6 for q in queries for a in q["answers"] or ())
    assert next(q for q in queries if q["engine"] == "doh")["answers"] is None


async def test_connects_are_of_df_005_and_handshakes_of_df_006():
    keys = export(await visited())["test_keys"]
    assert {(c["ip"], c["port"]): c["status"] for c in keys["tcp_connect"]} == {
        (SITE, 443): {"failure": None, "success": True},
        (V6, 443): {"failure": "network_unreachable", "success": False},
    }
    [handshake] = keys["tls_handshakes"]
    assert (handshake["address"], handshake["server_name"], handshake["failure"]) == (f"{SITE}:443", "site.kz", None)
    assert (handshake["tls_version"], handshake["negotiated_protocol"]) == ("TLSv1.3", "http/1.1")
    assert handshake["no_tls_verify"] is False
    x509.load_der_x509_certificate(base64.b64decode(handshake["peer_certificates"][0]["data"]))


async def test_requests_are_of_df_001_the_newest_first():
    newest, oldest = export(await visited(url="http://site.kz/"))["test_keys"]["requests"]
    assert (newest["request"]["url"], oldest["request"]["url"]) == ("https://site.kz/", "http://site.kz/")
    assert (newest["tags"], oldest["tags"]) == (["depth=1"], ["depth=0"])
    assert (newest["response"]["code"], newest["response"]["body"]) == (200, "<title>Қ</title>")
    assert newest["response"]["headers"]["X-A"] == "1"  # of several the first
    assert newest["response"]["headers_list"][-2:] == [["X-A", "1"], ["X-A", "2"]]
    assert newest["request"]["headers"]["Host"] == "site.kz"
    assert (newest["alpn"], oldest["alpn"]) == ("http/1.1", "")


async def test_a_failure_keeps_its_name():
    keys = export(await visited(after_request(reset)))["test_keys"]
    assert (keys["failure"], keys["tls_handshakes"][0]["failure"]) == ("connection_reset", "connection_reset")
    assert keys["tls_handshakes"][0]["tls_version"] == ""
    assert keys["requests"] == []


@pytest.mark.parametrize("length", [100, 20_000])
async def test_a_page_of_which_we_keep_the_beginning_is_marked_truncated(length):
    async with Servers() as net:
        await net.name(SITE)
        await net.web(page(b"." * length))
        document = export(await measure("site.kz", net.world()))
    response = document["test_keys"]["requests"][0]["response"]
    assert response["body_is_truncated"] is (length > 8192)


def faults(document: object) -> list[str]:
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in FORMAT.iter_errors(document)]


@pytest.mark.parametrize("url", ["site.kz", "http://site.kz/", "https://nobody.kz/", "https://93.184.216.34/"])
@pytest.mark.parametrize("server", [None, after_request(reset), redirect("https://elsewhere.kz/")])
async def test_every_field_has_the_type_that_the_format_gives_it(url, server):
    measured = await visited(server, url, handshake=1.0)  # one of the servers speaks no TLS
    document = export(measured, asn=9198, network="KAZTELECOM-AS", country="KZ")
    assert faults(document) == []
    assert faults(json.loads(json.dumps(export(measured)))) == []


async def test_a_document_that_breaks_the_format_is_found():
    document = export(await visited())
    assert faults({**document, "probe_ip": "93.184.216.34"}) == ["probe_ip: '127.0.0.1' was expected"]
    assert len(faults({**document, "test_keys": {**document["test_keys"], "blocking": False}})) == 1


async def test_events_of_df_008_tell_of_connections_and_of_how_a_page_came():
    measurement = await visited()
    events = export(measurement)["test_keys"]["network_events"]
    assert [event["operation"] for event in events] == ["connect", "connect", "bytes_received_cumulative"]
    dialled = {event["address"]: event["failure"] for event in events[:2]}
    assert dialled == {f"{SITE}:443": None, f"[{V6}]:443": "network_unreachable"}
    page_came = measurement.exchanges[0]
    assert (events[2]["num_bytes"], events[2]["t0"]) == (page_came.wire_length, page_came.first_byte)
