"""`python -m checks.probe` as whoever lends a probe starts it."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checks.probe.config import make_key

BROKER = "redis://127.0.0.1:1/0"  # where nobody listens


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "checks.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "the file must be an object"),
        ({"vantages": [{"name": "a", "key": "a.key"}]}, '"broker" is missing'),
        ({"broker": "nowhere://x", "vantages": []}, '"broker" must be an address like redis://'),
        ({"broker": BROKER, "vantages": []}, '"vantages" is empty'),
        ({"broker": BROKER, "vantages": ["a"]}, 'each of "vantages" must be an object'),
        ({"broker": BROKER, "vantages": [{"name": "a/b", "key": "a.key"}]}, "'a/b' is no vantage's name"),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "b.key"}]}, "b.key"),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "a.key", "asn": True}]}, '"asn" must be a whole number'),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "a.key", "country": "xx"}]}, "country 'xx'"),
        ({"broker": BROKER, "echo": 5, "vantages": [{"name": "a", "key": "a.key"}]}, '"echo" must be text'),
    ],
)
def test_a_wrong_configuration_is_one_sentence_that_says_what_to_change(tmp_path, document, sentence):
    make_key(tmp_path / "a.key")
    (tmp_path / "probe.json").write_text(json.dumps(document))
    done = run("--config", str(tmp_path / "probe.json"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert sentence in done.stderr
    assert "probe.json" in done.stderr


def test_a_key_that_cannot_be_written_is_one_sentence(tmp_path):
    done = run("--make-key", str(tmp_path / "no-folder" / "a.key"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "no-folder" in done.stderr


def test_a_probe_may_open_as_many_sockets_as_the_machine_allows(tmp_path):
    make_key(tmp_path / "a.key")
    document = {"broker": BROKER, "vantages": [{"name": "a", "key": "a.key"}]}
    (tmp_path / "probe.json").write_text(json.dumps(document))
    command = ["prlimit", "--nofile=200:400", sys.executable, "-m", "checks.probe", "--stop-with-stdin"]
    with subprocess.Popen(
        [*command, "--config", str(tmp_path / "probe.json")], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as probe:
        limits = set()
        for _ in range(300):
            limits.add(_open_files(probe.pid))
            if (400, 400) in limits or probe.poll() is not None:
                break
            time.sleep(0.1)
        probe.stdin.close()
        assert probe.wait(timeout=30) == 0
    assert (400, 400) in limits


def _open_files(pid: int) -> tuple[int, int]:
    text = Path(f"/proc/{pid}/limits").read_text()
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", text).groups()
    return int(soft), int(hard)
