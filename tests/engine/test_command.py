import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from checks.engine.records import VISIT, Measurement
from checks.engine.tell import tell
from checks.engine.visit import measure
from checks.engine.world import Preconditions, World
from tests.servers import SITE, Servers, after_request, page, reset


async def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and error output of `python -m checks.engine`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "checks.engine", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def measured(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """The command in a world where http://site.kz answers and its port 443 resets."""
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        await net.tcp(after_request(reset), 443)
        net.world().save(tmp_path / "world.json")
        return await run(*arguments, "--world", str(tmp_path / "world.json"))


async def test_people_read_each_step_and_what_failed_where(tmp_path):
    code, output, _ = await measured(tmp_path, "site.kz")
    assert code == 0
    assert "https://site.kz/  (imitated network test" in output
    assert f"TCP  hop 0  {SITE} port 443: ok" in output
    assert f"TLS  hop 0  {SITE} as site.kz: FAILED connection_reset" in output
    assert output.endswith("ended with connection_reset\n")


async def test_programs_read_one_measurement_a_line(tmp_path):
    code, output, _ = await measured(tmp_path, "http://site.kz", "site.kz", "--json")
    measurements = {m.url: m for m in map(Measurement.from_json, map(json.loads, output.splitlines()))}
    assert code == 0
    assert {url: m.failure for url, m in measurements.items()} == {
        "http://site.kz/": None,
        "https://site.kz/": "connection_reset",
    }


async def test_what_was_named_twice_is_measured_once(tmp_path):
    _, output, _ = await measured(tmp_path, "http://site.kz", "HTTP://SITE.KZ:80/", "--json")
    assert len(output.splitlines()) == 1


async def test_a_list_is_read_from_a_file_without_its_comments(tmp_path):
    (tmp_path / "list").write_text("# what to measure\nhttp://site.kz\n\nhttps://site.kz/\n")
    code, output, errors = await measured(tmp_path, "--list", str(tmp_path / "list"), "--json")
    assert (code, errors) == (0, "")
    assert {json.loads(line)["url"] for line in output.splitlines()} == {"http://site.kz/", "https://site.kz/"}


async def test_another_resolver_is_asked_in_the_place_of_the_networks_own(tmp_path):
    _, output, _ = await measured(tmp_path, "http://site.kz", "--resolver", "93.184.217.99:5353", "--json")
    assert {q["resolver"] for q in json.loads(output)["queries"]} == {"93.184.217.99:5353"}


async def test_a_control_lends_its_addresses_and_its_end_stands_beside_ours(tmp_path):
    async with Servers() as net:
        await net.name("93.184.216.77")
        control = await measure("http://site.kz/", net.world())
    (tmp_path / "control.jsonl").write_text(json.dumps(control.as_json()) + "\n")
    _, output, _ = await measured(tmp_path, "http://site.kz", "--control", str(tmp_path / "control.jsonl"))
    assert "93.184.216.77 port 80: FAILED network_unreachable" in output
    assert output.endswith("  ended with a final response\n  a control ended with network_unreachable\n")


async def test_tools_for_oonis_data_read_its_format(tmp_path):
    _, output, _ = await measured(tmp_path, "http://site.kz", "--ooni")
    document = json.loads(output)
    assert (document["data_format_version"], document["input"]) == ("0.2.0", "http://site.kz/")


async def test_a_vantage_tells_what_it_can_prove_of_itself(tmp_path):
    code, output, _ = await measured(tmp_path, "--self-test")
    assert code == 0
    assert output.endswith("  fit to measure\n")


async def test_an_unfit_vantage_measures_nothing(tmp_path):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        world = replace(net.world(), preconditions=Preconditions(must_allow=("absent.kz",)))
        world.save(tmp_path / "world.json")
        code, output, _ = await run("http://site.kz", "--self-test", "--world", str(tmp_path / "world.json"))
    assert code == 4
    assert "must open: absent.kz: DID NOT OPEN" in output
    assert "http://site.kz/" not in output


async def test_a_list_on_a_terminal_shows_how_far_it_is(tmp_path):
    """`script` gives the command a terminal of its own."""
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        net.world().save(tmp_path / "world.json")
        command = f"{sys.executable} -m checks.engine http://a.kz http://b.kz --world {tmp_path / 'world.json'}"
        process = await asyncio.create_subprocess_exec(
            "script", "-qec", command, "/dev/null", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert b"] 1/2" in output
    assert f"[{'#' * 30}] 2/2".encode() in output


async def test_a_second_look_is_taken_when_asked_for(tmp_path):
    _, output, _ = await measured(tmp_path, "site.kz", "--follow-up")
    assert f"TLS  hop 0  {SITE} as www.example.com [sni_swap]: FAILED connection_reset" in output


async def test_people_read_what_was_our_own_doing():
    """A connection that waited for its turn is made anew; a step that the visit's end cut short proves nothing."""
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        visited = await measure("http://site.kz/", net.world())
    [connected] = [connect for connect in visited.connects if connect.purpose == VISIT]
    twice = replace(
        visited, connects=(connected, connected), exchanges=(replace(visited.exchanges[0], failure="interrupted"),)
    )
    text = tell(twice, ())
    assert text.count("dialled anew: it had waited for its turn here: ok") == 1
    assert "the time for this visit ran out" in text
    assert "ran out" not in tell(visited, ())
    assert "anew" not in tell(visited, ())


async def test_what_a_network_says_writes_nothing_else_on_the_terminal():
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(b"<title>\x1b[2J</title>", "302 Found", "Location: /\xc2\x9b1m"), 80)
        visited = await measure("http://site.kz/", net.world())
    forged = replace(visited, failure="eof_error\n  ended with a final response")
    for text in (tell(visited, ()), tell(forged, ())):
        assert all(character.isprintable() for line in text.split("\n") for character in line)
    assert tell(forged, ()).count("\n") == tell(visited, ()).count("\n")


async def test_with_urls_a_self_test_stands_beside_what_programs_read(tmp_path):
    for form in ("--json", "--ooni"):
        code, output, errors = await measured(tmp_path, "http://site.kz", "--self-test", form)
        assert (code, len(output.splitlines())) == (0, 1)
        assert "site.kz" in output
        assert "ipv6" in errors.lower()


async def test_whoever_stops_in_the_second_look_has_the_first(tmp_path):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(after_request(reset), 443)
        net.world(followup_after=60.0).save(tmp_path / "world.json")
        command = (sys.executable, "-m", "checks.engine", "site.kz", "--follow-up", "--json")
        process = await asyncio.create_subprocess_exec(
            *command, "--world", str(tmp_path / "world.json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        await asyncio.sleep(4)
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (130, b"")
    assert json.loads(output)["failure"] == "connection_reset"


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("site.kz --json > /dev/full", 2),
        ("--list - <&-", 2),
        ("http://site.kz --self-test | true", 0),
    ],
)
async def test_a_terminal_that_is_not_there_is_no_crash(tmp_path, shell, code):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        net.world().save(tmp_path / "world.json")
        arguments, mark, place = shell.partition("|") if "|" in shell else (shell, "", "")
        line = f"{sys.executable} -m checks.engine --world {tmp_path / 'world.json'} {arguments} {mark} {place}"
        process = await asyncio.create_subprocess_shell(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _, errors = await process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in errors


async def test_a_title_is_printed_on_a_terminal_that_has_not_its_letters(tmp_path):
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page("<title>Тізілім</title>".encode()), 80)
        net.world().save(tmp_path / "world.json")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "checks.engine", "http://site.kz", "--world", str(tmp_path / "world.json")),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert b"\\u0422" in output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trust": "no certificate"}, "trust store"),
        ({"deadlines": {"dns": float("nan")}}, "'dns' is no number of seconds"),
        ({"addresses": {"tcp/1.1.1.1:80": ["127.0.0.1", 99999]}}, "leads to no port"),
        ({"preconditions": {"portal": 5}}, "'portal' is no URL"),
        ({"preconditions": {"ipv6_hosts": ["::1"]}}, "no public address"),
        ({"preconditions": {"must_allow": "site.kz"}}, "no list of names"),
    ],
)
async def test_a_world_that_cannot_be_is_refused_in_a_sentence(tmp_path, change, words):
    async with Servers() as net:
        net.world().save(tmp_path / "world.json")
    document = json.loads((tmp_path / "world.json").read_text())
    for name, value in change.items():
        document[name] = {**document[name], **value} if isinstance(value, dict) else value
    (tmp_path / "world.json").write_text(json.dumps(document))
    code, output, errors = await run("site.kz", "--world", str(tmp_path / "world.json"))
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert words in errors


async def test_what_is_measured_in_a_world_file_is_marked_whatever_the_file_says(tmp_path):
    async with Servers() as net:
        net.world().save(tmp_path / "world.json")
    document = json.loads((tmp_path / "world.json").read_text())
    (tmp_path / "world.json").write_text(json.dumps({**document, "imitated": False}))
    assert World.load(tmp_path / "world.json").imitated


async def test_a_failure_of_our_own_machine_has_an_exit_code_of_its_own(tmp_path):
    """Sixteen files are fewer than twenty visits need."""
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        net.world().save(tmp_path / "world.json")
        command = (sys.executable, "-m", "checks.engine", *(f"http://s{n}.kz" for n in range(20)))
        process = await asyncio.create_subprocess_exec(
            *("prlimit", "--nofile=16:16", *command, "--json", "--world", str(tmp_path / "world.json")),
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
    failures = {json.loads(line)["failure"] for line in output.splitlines()}
    assert (process.returncode, failures) == (3, {None, "unknown_failure"})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["localhost"], "Names under .localhost do not exist on the public internet. (special_use)"),
        (["site.kz", "--world", "/nowhere.json"], "/nowhere.json is no world file"),
        ([], "name at least one URL"),
        (["--list", "/nowhere.txt"], "/nowhere.txt cannot be read"),
        (["site.kz", "--resolver", "dns.kz"], "'dns.kz' is no DNS server: write its address"),
        (["site.kz", "--resolver", "192.0.2.1:99999"], "'192.0.2.1:99999' is no DNS server"),
        (["site.kz", "--resolver", "[::1:53"], "'[::1:53' is no DNS server"),
        (["site.kz", "--control", "pyproject.toml"], "pyproject.toml, line 1: no measurement of a control"),
    ],
)
async def test_bad_input_is_one_sentence_and_exit_code_2(arguments, sentence):
    code, output, errors = await run(*arguments)
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert sentence in errors
