"""`python -m checks.probe` as whoever lends a probe starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checks.probe import worker
from checks.probe.config import Config, make_key
from tests.probe.probes import Probe, Sites, until, workers

BROKER = "redis://127.0.0.1:1/0"  # where nobody listens
TWO = [{"name": "a", "key": "a.key"}, {"name": "b", "key": "a.key"}]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "checks.probe", *arguments]
    given = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=given)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "the file must be an object"),
        ({"vantages": [{"name": "a", "key": "a.key"}]}, 'name either "register" (its HTTPS address) or "broker"'),
        ({"broker": BROKER, "register": "https://x.kz", "vantages": []}, 'name either "register"'),
        ({"broker": "nowhere://x", "vantages": [{"name": "a", "key": "a.key"}]}, '"broker" must be an address like'),
        ({"register": "http://x.kz", "vantages": []}, '"register" must be an address like https://'),
        ({"register": "https://x.kz/door", "vantages": []}, '"register" must be an address like https://'),
        ({"register": "https://u:p@x.kz", "vantages": []}, '"register" must be an address like https://'),
        ({"broker": BROKER, "keyspace": True, "vantages": TWO}, '"keyspace" is for a broker and one vantage'),
        ({"broker": BROKER, "ca": "no.pem", "vantages": TWO}, '"ca": there is no file'),
        ({"broker": BROKER, "in_flight": 0, "vantages": TWO}, '"in_flight" must be from 1 to 5000'),
        ({"broker": BROKER, "memory_mb": 64, "vantages": TWO}, '"memory_mb" must be from 256'),
        ({"broker": BROKER, "vantages": []}, '"vantages" is empty'),
        ({"broker": BROKER, "vantages": ["a"]}, 'each of "vantages" must be an object'),
        ({"broker": BROKER, "vantages": [{"name": "a/b", "key": "a.key"}]}, "'a/b' is no vantage's name"),
        ({"broker": BROKER, "vantages": [{"name": "Eye_1", "key": "a.key"}]}, "small letters, digits and '-'"),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "b.key"}]}, "b.key: --enrol makes one and hands it in"),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "probe.json"}]}, "holds no Ed25519 key"),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "a.key", "asn": True}]}, '"asn" must be a whole number'),
        ({"broker": BROKER, "vantages": [{"name": "a", "key": "a.key", "country": "xx"}]}, "country 'xx'"),
        (
            {"broker": BROKER, "in_fligth": 5, "vantages": TWO},
            'there is no "in_fligth" in the file; there may be broker',
        ),
        (
            {"broker": BROKER, "vantages": [{"nam": "a", "keys": 1}]},
            'there is no "keys" and "nam" in one of "vantages"',
        ),
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


@pytest.mark.parametrize("written", ["{", "", "\xff", "[" * 100_000])
def test_a_file_that_is_no_json_is_one_sentence(tmp_path, written):
    (tmp_path / "probe.json").write_text(written, encoding="latin-1")
    done = run("--config", str(tmp_path / "probe.json"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path}/probe.json: is no JSON" in done.stderr


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    done = run("--config", str(tmp_path / "probe.json"))
    assert done.returncode == 2
    assert done.stderr == f"tizilim: {tmp_path}/probe.json: there is no such file; --enrol writes one\n"


def test_enrolment_says_which_names_there_are_and_that_nobody_listens(tmp_path):
    arguments = ["--enrol", "https://localhost:9", "--token", "T", "--state", str(tmp_path)]
    misnamed, alone = run(*arguments, "--name", "eye/1"), run(*arguments, "--name", "eye-1")
    assert (misnamed.returncode, alone.returncode) == (2, 2)
    assert "'eye/1' is no vantage's name: those have small letters, digits and '-'" in misnamed.stderr
    assert alone.stderr == "tizilim: https://localhost:9 could not be reached: Connection refused\n"


def test_a_key_that_cannot_be_written_is_one_sentence(tmp_path):
    done = run("--make-key", str(tmp_path / "no-folder" / "a.key"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "no-folder" in done.stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, 'name either "register"'),
        ({"REGISTER": "https://x.kz"}, '"name" is missing'),
        ({"REGISTER": "https://x.kz", "NAME": "a", "ASN": "AS1"}, "ASN must be a whole number"),
        ({"REGISTER": "https://x.kz", "NAME": "a", "PASSWORD": "1"}, "there is no TIZILIM_PROBE_PASSWORD"),
    ],
)
def test_a_wrong_environment_is_one_sentence_too(environment, sentence):
    done = run(**{f"TIZILIM_PROBE_{name}": value for name, value in environment.items()})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert sentence in done.stderr
    assert "TIZILIM_PROBE_" in done.stderr


def test_the_environment_says_what_a_file_would(tmp_path):
    make_key(tmp_path / "a.key")
    vantage = {"name": "a", "key": "a.key", "country": "kz", "asn": 9198, "control": True}
    document = {"register": "https://x.kz/", "state": ".", "in_flight": 50, "spool_mb": 9, "vantages": [vantage]}
    (tmp_path / "probe.json").write_text(json.dumps(document))
    from_file = Config.load(tmp_path / "probe.json")
    given = {"REGISTER": "https://x.kz", "STATE": str(tmp_path), "NAME": "a", "COUNTRY": "kz", "ASN": "9198"}
    given |= {"CONTROL": "true", "IN_FLIGHT": "50", "SPOOL_MB": "9", "KEY": ""}
    from_environment = Config.of_environment({f"TIZILIM_PROBE_{name}": value for name, value in given.items()})
    for config in (from_file, from_environment):
        assert (config.register, config.state, config.in_flight) == ("https://x.kz", tmp_path, 50)
        assert config.spool == 9 * 1024 * 1024
        conditions = config.vantages[0].world.preconditions
        assert (conditions.asn, conditions.echo) == (9198, "https://x.kz/api/v1/echo")
        assert conditions.must_block == ()


def test_check_says_what_this_place_can_prove(tmp_path):
    with Sites(tmp_path / "world.json"):
        probe = Probe(tmp_path, broker=BROKER)
        fit = run("--check", "--config", str(probe.config))
        world = json.loads((tmp_path / "world.json").read_text())
        world["preconditions"]["must_allow"] = ["http://quick.kz/quick", "http://closed.kz:8080/"]
        (tmp_path / "world.json").write_text(json.dumps(world))
        unfit = run("--check", "--config", str(probe.config))
    assert (fit.returncode, unfit.returncode) == (0, 1)
    assert "here: self-test of this vantage" in fit.stdout
    assert "fit to measure" in fit.stdout
    assert "must open: http://closed.kz:8080/: DID NOT OPEN" in unfit.stdout
    assert "unfit: must_allow" in unfit.stdout


def test_a_place_where_nothing_can_be_kept_is_one_sentence(tmp_path):
    make_key(tmp_path / "a.key")
    document = {"broker": BROKER, "state": "/proc/here", "vantages": [{"name": "a", "key": "a.key"}]}
    (tmp_path / "probe.json").write_text(json.dumps(document))
    done = run("--config", str(tmp_path / "probe.json"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the state cannot be kept" in done.stderr


def test_two_probes_cannot_work_with_one_state(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LOCK", 0.3)
    with worker.only_one(tmp_path), pytest.raises(worker.Busy, match="another probe works with the state in"):
        worker.only_one(tmp_path)
    worker.only_one(tmp_path).close()


def test_status_of_a_probe_that_never_ran(tmp_path):
    make_key(tmp_path / "a.key")
    document = {"broker": BROKER, "vantages": [{"name": "a", "key": "a.key"}]}
    (tmp_path / "probe.json").write_text(json.dumps(document))
    done = run("--status", "--config", str(tmp_path / "probe.json"))
    assert (done.returncode, done.stdout) == (1, f"no probe has run with its state in {tmp_path}\n")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_status_of_a_probe_that_ended_is_that_none_runs(tmp_path, how):
    with Sites(tmp_path / "world.json"):
        probe = Probe(tmp_path, broker=BROKER)
        status = ["--status", "--config", str(probe.config)]
        with probe.running():
            until(lambda: run(*status).returncode == 0, "it runs")
            [at_work] = probe.workers()
            probe.process.send_signal(how)
            if how == signal.SIGKILL:
                os.kill(at_work, how)
            probe.process.wait(timeout=60)
            until(lambda: probe.workers() == [], "it ends")
            done = run(*status)
    assert done.returncode == 1
    assert done.stdout.startswith("the probe does not run: it was last heard of ")


def test_a_probe_may_open_as_many_sockets_as_the_machine_allows_and_has_no_more_memory_than_it_was_given(tmp_path):
    make_key(tmp_path / "a.key")
    document = {"broker": BROKER, "memory_mb": 300, "vantages": [{"name": "a", "key": "a.key"}]}
    (tmp_path / "probe.json").write_text(json.dumps(document))
    command = ["prlimit", "--nofile=200:400", sys.executable, "-m", "checks.probe", "--stop-with-stdin"]
    with subprocess.Popen(
        [*command, "--config", str(tmp_path / "probe.json")], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as probe:
        limits, caps = set(), set()
        for _ in range(300):
            for one in workers(tmp_path / "probe.json"):
                limits.add(_limit(one, "Max open files"))
                caps.add(_limit(one, "Max data size")[0])
            if ((400, 400) in limits and 300 * 2**20 in caps) or probe.poll() is not None:
                break
            time.sleep(0.1)
        probe.stdin.close()
        assert probe.wait(timeout=30) == 0
    assert (400, 400) in limits
    assert 300 * 2**20 in caps


def _limit(pid: int, what: str) -> tuple[int, int]:
    text = Path(f"/proc/{pid}/limits").read_text()
    soft, hard = re.search(rf"{what}\s+(\d+|unlimited)\s+(\d+|unlimited)", text).groups()
    return tuple(-1 if one == "unlimited" else int(one) for one in (soft, hard))
