"""compose.yaml, compose.probe.yaml and the Dockerfile name only what the tree has, and give away nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from celery import Celery
from django.conf import settings
from django.core.management import get_commands
from django.utils.module_loading import import_string
from packaging.specifiers import SpecifierSet

from checks import intake
from checks.probe import supervising
from checks.probe.config import Config
from tests.probe.probes import until
from tests.probe.test_door import Served, http
from tests.servers import authority

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
OF_A_PROBE = (ROOT / "compose.probe.yaml").read_text(encoding="utf-8")
PROBE = yaml.safe_load(OF_A_PROBE)["services"]["probe"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "tizilim"}


def option(command, flag):
    return command[command.index(flag) + 1]


def read_by_settings():
    source = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    return set(re.findall(r'env\.\w+\(\s*"(\w+)"', source))


@pytest.mark.parametrize("service", [*OURS.values(), PROBE], ids=[*OURS, "probe"])
def test_each_service_runs_what_the_tree_has(service):
    match service["command"]:
        case ["python", "manage.py", command, *_]:
            assert command in get_commands()
        case ["python", "-m", module, *_]:
            assert find_spec(f"{module}.__main__")
        case ["gunicorn", module, *_]:
            assert callable(import_string(f"{module}.application"))
        case ["celery", "-A", package, "beat", *_]:
            assert isinstance(import_string(f"{package}.celery_app"), Celery)
        case command:
            pytest.fail(f"nobody here knows {command}")


def test_the_image_runs_what_the_web_service_runs():
    command = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert yaml.safe_load(command[1]) == OURS["web"]["command"]


def test_each_queue_of_the_centre_has_a_worker_and_results_have_one_of_their_own():
    workers = [service["command"][3:] for service in OURS.values() if "work" in service["command"]]
    queues = [[word for word in words if word in settings.QUEUES] for words in workers]
    assert sorted(queue for one in queues for queue in one) == sorted(settings.QUEUES)
    assert ["results"] in queues
    used = {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
    assert used == set(settings.QUEUES)


def test_nginx_lets_a_batch_of_a_probe_through():
    conf = COMPOSE["configs"]["nginx"]["content"]
    assert re.search(r"location = /probe/v1/batches \{\s+client_max_body_size 25m;", conf)
    assert intake.SIZE_LIMIT < 25 * 1024 * 1024


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_variable_of_a_service_is_a_setting(name):
    assert set(OURS[name]["environment"]) <= read_by_settings()


def test_a_probe_is_given_no_secret_of_the_register_and_needs_none():
    assert "environment" not in PROBE
    assert "env_file" not in PROBE
    assert "$" not in OF_A_PROBE
    assert PROBE["image"] == OURS["web"]["image"]
    assert set(yaml.safe_load(OF_A_PROBE)["volumes"]) == {volume.split(":")[0] for volume in PROBE["volumes"]}


def documented(word):
    """What docs/probes.md says in containers, of the line with this word: the words behind `probe`."""
    text = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")
    [line] = re.findall(
        rf"^docker compose -f compose.probe.yaml (?:run --rm|exec) probe (.*{word}.*)$", text, re.MULTILINE
    )
    return line.split()


def test_the_documented_commands_begin_a_probe_with_nothing_but_its_volume(tmp_path):
    volume, ca = tmp_path / "volume", tmp_path / "ca.pem"
    volume.mkdir(mode=0o700)
    ca.write_text(authority().pem)
    environment = {"PATH": os.environ["PATH"], "TIZILIM_VAR": str(volume)}  # of the Dockerfile; Compose adds none

    async def answer(path, *_):
        return http(b'{"asn": 9198, "role": "access"}' if path.endswith("enrol") else b'{"orders": [], "wait": 1}')

    def command(words, *more):
        assert words[0] == "python"
        placed = [word.replace("/var/lib/tizilim", str(volume)) for word in words[1:]]
        placed = [served.address if word == "https://register.example.org" else word for word in placed]
        return [sys.executable, *placed, *more]

    def run(words, *more):
        return subprocess.run(
            command(words, *more), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
        )

    assert documented("--status") == PROBE["healthcheck"]["test"][1:]
    with Served(answer) as served:
        enrolled = run(documented("--enrol"), "--ca", str(ca))
        assert (enrolled.returncode, enrolled.stderr) == (0, "")
        assert run(documented("--status")).returncode == 1
        with subprocess.Popen(command(PROBE["command"]), env=environment, cwd=ROOT) as probe:
            try:
                until(lambda: run(documented("--status")).returncode == 0, "it runs")
                until(lambda: "/probe/v1/claim" in served.asked, "it asks for work")
            finally:
                probe.terminate()
            assert probe.wait(timeout=supervising.GRACE + 2) == 0


def test_a_probe_keeps_its_state_and_has_time_to_end():
    config = Path(option(PROBE["command"], "--config"))
    [(_, place)] = [volume.split(":") for volume in PROBE["volumes"]]
    assert config.parent == Path(place)  # what it keeps is beside its configuration
    assert f"--mode 0700 {place}" in DOCKERFILE  # and the image's user may write there
    assert int(PROBE["stop_grace_period"].removesuffix("s")) > supervising.GRACE
    assert option(PROBE["healthcheck"]["test"], "--config") == str(config)


def test_a_probe_may_do_nothing_to_its_host():
    assert (PROBE["read_only"], PROBE["cap_drop"]) == (True, ["ALL"])
    assert PROBE["security_opt"] == ["no-new-privileges:true"]
    assert int(PROBE["mem_limit"].removesuffix("m")) * 2**20 >= Config.__dataclass_fields__["memory"].default


def test_secrets_come_from_outside_and_have_no_default():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    secrets = re.findall(r"\$\{(\w*(?:KEY|PASSWORD)\w*)(:\?)?", text)
    assert secrets
    assert all(required for _, required in secrets)


def test_only_nginx_is_open_to_the_world():
    published = {name: service.get("ports", []) for name, service in COMPOSE["services"].items()}
    published.pop("nginx")
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_whatever_must_stay_up_says_whether_it_is_well():
    lasting = {name for name, service in COMPOSE["services"].items() if service["restart"] != "no"}
    assert {name for name in lasting if "healthcheck" not in COMPOSE["services"][name]} == set()


def test_nginx_keeps_no_visitor_log_and_passes_on_no_forged_address():
    conf = COMPOSE["configs"]["nginx"]["content"]
    assert "access_log off;" in conf
    assert "error_log /dev/stderr emerg;" in conf
    assert "X-Forwarded-For $$remote_addr;" in conf  # replaced, not appended to


def test_nginx_slows_down_whoever_guesses_passwords():
    conf = COMPOSE["configs"]["nginx"]["content"]
    assert re.search(r"limit_req_zone \$\$binary_remote_addr zone=sign-in:", conf)
    assert re.search(r"location = /desk/papers/ \{\s+client_max_body_size 21m;\s+client_body_buffer_size 21m;", conf)
    assert re.search(r"location = /desk/login/ \{\s+limit_req zone=sign-in ", conf)


def test_every_name_in_depends_on_volumes_and_configs_exists():
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])
        assert {config["source"] for config in service.get("configs", [])} <= set(COMPOSE["configs"])
        sources = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {source for source in sources if not source.startswith("./")} <= set(COMPOSE["volumes"])


def test_the_image_is_made_of_what_the_tree_has_and_of_nothing_else():
    copied = {line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_has_a_python_that_we_support_and_a_user_that_is_not_root():
    floor = re.search(r'requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text())
    base = re.search(r"^FROM python:([\d.]+)-", DOCKERFILE, re.MULTILINE)
    assert base[1] in SpecifierSet(floor[1])
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["tizilim"]


def test_the_first_collectstatic_gives_files_the_names_that_pages_ask_for(tmp_path):
    made = tmp_path / "static"
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, "TIZILIM_STATIC_ROOT": str(made), "TIZILIM_VAR": str(tmp_path / "var")},
        check=True,
        timeout=60,
    )
    hashed = json.loads((made / "staticfiles.json").read_text())["paths"]["registry/site.css"]
    assert (made / hashed).is_file()
    assert hashed != "registry/site.css"


def test_variables_that_the_image_sets_are_settings():
    set_there = set(re.findall(r"(TIZILIM_\w+|DATABASE_URL)=", DOCKERFILE))
    assert set_there <= read_by_settings()
