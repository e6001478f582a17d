"""`manage.py demo`: a register that measures an imitated internet. `make demo` is the short way to it.

What is measured is marked *imitated* everywhere; the database is the demo's own (var/demo).
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from checks import planning
from checks.models import Cell, Network, Plan, Run, State, Target, Vantage
from checks.probe.config import make_key
from checks.vantages import Admission
from config.embedded import HOST, Child, Embedded, Refusal, Stop, check_broker, check_port, forget_queue
from registry import accounts, alarms, moderation, proposals, status
from registry.accounts import Role
from registry.models import Proposal, Resource
from registry.papers import sealing

ROUNDS = 3
MORE_ROUNDS = 5  # at most so many more, where this machine was too busy to measure well
PERIOD = timedelta(minutes=3)  # after the first rounds: what an editor accepts is known after three more
EDITORS = ("asel", "dana")  # a publication will need two
ROLES = (Role.LEGAL, Role.REPORTER, Role.MEASUREMENT)
BAR = 30


class Command(BaseCommand):
    help = "Show the whole register on an imitated internet; nothing is measured outside this machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--broker", default="", help="for example redis://127.0.0.1:6379/0")
        parser.add_argument("--reset", action="store_true", help="forget the demo's data first")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_port(options["port"])
            if not settings.DEMO:
                check_broker(options["broker"])
                _start_as_demo(options["broker"], reset=options["reset"])
            stop = Stop()
            with _only_one():
                self._run(options["port"], stop)
        except Refusal as error:
            raise CommandError(str(error)) from error

    def _run(self, port: int, stop: Stop) -> None:
        self.stdout.write("Preparing the database and the starter cases of Kazakhstan …")
        call_command("migrate", verbosity=0)
        editors = _editors()
        call_command("load_country", "kz", stdout=open(os.devnull, "w"))  # noqa: SIM115 (the process's own end closes it)
        _agree()
        status.count(at=timezone.now())  # or the front page would wait for a worker's tick
        forget_queue()
        lab = settings.VAR / "lab"
        with Child("the imitated internet", "-m", "checks.lab", "--directory", str(lab)) as imitated:
            if not imitated.first_line().startswith("ready"):
                raise Refusal("the imitated internet did not start: its reason stands above")
            plan, probes = _enrol(json.loads((lab / "lab.json").read_text(encoding="utf-8")), lab)
            probe = Child("the probe", "-m", "checks.probe", "--config", str(probes), "--stop-with-stdin")
            stop.children = [imitated, probe]
            with probe, Embedded(port):
                self._tell(port, editors)
                self._show_rounds(plan, stop)
                while not stop.wait(1):
                    pass
                self.stdout.write("\nStopping …")
        self.stdout.write(f"Stopped. Your data is kept in {settings.VAR}; `{_anew(settings.VAR)}` begins anew.")

    def _tell(self, port: int, editors: list[Editor]) -> None:
        site = f"http://{HOST}:{port}"
        desk = "\n".join(
            f"      {one.name:8}password {one.password}   secret {one.secret}   code now {one.code_now()}"
            for one in editors
        )
        self.stdout.write(
            f"""
The register answers at {site}/  (Ctrl-C stops it)
All measurements here are IMITATED: a small internet on this machine, with censors of its own.

  {site}/en/resources/orda.kz/        blocked, and no act is known
  {site}/en/look-up?q=www.torproject.org/ru/download   ordered, but it opens
  {site}/en/resources/kub.kz/         down everywhere: its name is gone
  {site}/kk/   {site}/ru/             the same in Kazakh and Russian
  {site}/en/report/                   report a site; editors decide at the desk
  {site}/api/v1/lookup?q=orda.kz      the same by API

  {site}/desk/   asks for a name, a password and a one-time code. Two editors:
{desk}
      The next codes come from an authenticator with the secret, or from: oathtool --totp --base32 SECRET
"""
        )

    def _show_rounds(self, plan: Plan, stop: Stop) -> None:
        """Three rounds back to back: the floor of evidence needs as many, and more where our own lag spoilt some."""
        for number in range(1, ROUNDS + MORE_ROUNDS + 1):
            if number > ROUNDS:
                if not Cell.objects.filter(target__plans=plan, state=State.INSUFFICIENT).exists():
                    break
                self.stdout.write("This machine was too busy to measure well, which proves nothing: one more round.")
            if not self._show_round(number, plan, stop):
                return
        alarms.refresh(at=timezone.now())  # else whoever looks has to wait for the hour
        self.stdout.write("\nAll three rounds are in: every page is filled. Ctrl-C stops.")

    def _show_round(self, number: int, plan: Plan, stop: Stop) -> bool:
        """Make one round due and show how far it is. False when it is time to stop."""
        known = set(Run.objects.values_list("pk", flat=True))
        Plan.objects.filter(pk=plan.pk).update(due_at=timezone.now())
        while not stop.wait(0.5):
            runs = Run.objects.filter(round__plan=plan).exclude(pk__in=known)
            open_ = runs.open() | runs.unjudged()
            total, ended = runs.count(), runs.exclude(pk__in=open_).count()
            done = total > 0 and ended == total
            filled = BAR * ended // total if total else 0
            line = f"round {number} [{'#' * filled}{'.' * (BAR - filled)}] {ended}/{total or '?'} runs"
            if sys.stdout.isatty():
                self.stdout.write(f"\r{line}", ending="\n" if done else "")
                self.stdout.flush()
            elif done:
                self.stdout.write(line)
            if done:
                return True
        return False


def _anew(kept: Path) -> str:
    """The command that forgets what was kept in a demo's folder."""
    var = kept.parent
    own = "" if var == settings.BASE_DIR / "var" else f"TIZILIM_VAR={quote(str(var))} "
    return f"{own}make demo RESET=1"


def _start_as_demo(broker: str, *, reset: bool) -> None:
    """Begin again with the demo's own settings: they are read before a command can change them."""
    folder = settings.VAR / "demo"
    if reset:
        with _only_one(folder):
            for path in folder.iterdir():
                if path.name != "lock":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    os.environ.update(TIZILIM_DEMO="1", TIZILIM_VAR=str(folder), TIZILIM_TICK="1")
    os.environ.update(TIZILIM_SPREAD="0", TIZILIM_RETESTS="0.5,1,2")
    os.environ.pop("DATABASE_URL", None)
    os.environ.setdefault("TIZILIM_LOG_LEVEL", "ERROR")
    os.environ.setdefault("TIZILIM_SEALED_FOR", _sealing_key(folder))
    if broker:
        os.environ["TIZILIM_BROKER_URL"] = broker
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 (ourselves)


def _sealing_key(folder: Path) -> str:
    """Papers are sealed for it. The private half lies beside it, where no other register has one."""
    public = folder / "sealing.pub"
    if not public.exists():
        folder.mkdir(parents=True, exist_ok=True)
        public.write_text(sealing.make_key(folder / "sealing.key"), encoding="ascii")
    return public.read_text(encoding="ascii")


@contextmanager
def _only_one(folder: Path | None = None) -> Iterator[None]:
    """Two demos would share one database and one queue. Raises Refusal for the second."""
    folder = folder or settings.VAR
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refusal("a demo runs here already: stop it with Ctrl-C in its terminal") from None
        yield


@dataclass(frozen=True)
class Editor:
    """One of the demo's own. Its secret lies in a file, which no other register does."""

    name: str
    password: str
    secret: str

    @property
    def key(self) -> bytes:
        return base64.b32decode(self.secret)

    def code_now(self) -> str:
        return f"{totp(self.key):06d}"


def _editors() -> list[Editor]:
    """Two to sign in with at the desk; their passwords and secrets are the same at the next start."""
    kept = settings.VAR / "editors.json"
    if not kept.exists():
        kept.touch(mode=0o600)
        made = [
            Editor(name, secrets.token_urlsafe(12), base64.b32encode(secrets.token_bytes(20)).decode())
            for name in EDITORS
        ]
        kept.write_text(json.dumps([asdict(one) for one in made], indent=1), encoding="ascii")
    editors = [Editor(**one) for one in json.loads(kept.read_text(encoding="ascii"))]
    for one in editors:
        user, _ = User.objects.get_or_create(username=one.name, defaults={"is_staff": True})
        if not user.check_password(one.password):
            user.set_password(one.password)
            user.save()
        accounts.give_roles(user, ROLES)
        TOTPDevice.objects.update_or_create(user=user, defaults={"name": "authenticator", "key": one.key.hex()})
    return editors


def _agree() -> None:
    """The two editors of the demo agree to all that was proposed at the command line."""
    editors = User.objects.filter(username__in=EDITORS)
    for row in Proposal.objects.filter(state=proposals.State.WAITING, author=None).order_by("pk"):
        for editor in editors:
            proposals.approve(row, sha256=row.sha256, by=editor)


def _enrol(described: dict[str, Any], lab: Path) -> tuple[Plan, Path]:
    """The lab's networks, vantages and sites as rows; the probe's configuration as a file.

    The lab's sites are on the register's own plan, so that what an editor accepts is measured along with them.
    """
    targets = [
        Target.objects.get_or_create(url=site["url"], defaults={"host": site["name"]})[0] for site in described["sites"]
    ]
    plan = planning.measure_regularly(*targets)
    Plan.objects.filter(pk=plan.pk).update(period=PERIOD, due_at=timezone.now() + PERIOD, enabled=True)
    for target in targets:
        for resource in Resource.objects.filter(Q(type=Resource.Type.URL, name=target.url) | Q(host=target.host)):
            if resource.type != Resource.Type.URL or resource.name == target.url:
                moderation.cover(resource, target, by="demo", reason="a site of the imitated internet")
    probes = []
    for vantage in described["vantages"]:
        access = vantage["role"] == Vantage.Role.ACCESS
        Network.objects.update_or_create(
            asn=vantage["asn"],
            defaults={
                "name": vantage["network"],
                "kind": Network.Kind.ACCESS if access else Network.Kind.HOSTING,
                "imitated": True,
            },
        )
        key = lab / f"{vantage['name']}.key"
        admission = Admission(
            name=vantage["name"],
            asn=vantage["asn"],
            role=vantage["role"],
            key=make_key(key),
            takes_unreviewed=vantage["takes_unreviewed"],
        )
        if not Vantage.objects.filter(name=admission.name, public_key=admission.key).exists():
            told = "a vantage of the imitated internet"
            proposals.propose(proposals.Operation.ADMIT, None, asdict(admission), by=None, reason=told)
            _agree()
        probes.append({"name": vantage["name"], "key": key.name, "world": vantage["world"]})
    config = lab / "probe.json"
    config.write_text(
        json.dumps(
            {
                "broker": settings.CELERY_BROKER_URL,
                "broker_options": getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}),
                "vantages": probes,
            },
            indent=1,
        ),
        encoding="utf-8",
    )
    return plan, config
