import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from checks.engine.records import Measurement
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


async def test_a_second_look_is_taken_when_asked_for(tmp_path):
    _, output, _ = await measured(tmp_path, "site.kz", "--follow-up")
    assert f"TLS  hop 0  {SITE} as www.example.com [sni_swap]: FAILED connection_reset" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["localhost"], "Names under .localhost do not exist on the public internet. (special_use)"),
        (["site.kz", "--world", "/nowhere.json"], "/nowhere.json is no world file"),
    ],
)
async def test_bad_input_is_one_sentence_and_exit_code_2(arguments, sentence):
    code, output, errors = await run(*arguments)
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert sentence in errors
