"""The house of docs/architecture.md, held by its imports: one line from config down to the engine."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("config", "registry", "checks")

# Part → the parts it may import besides itself. The longest name that fits a module is its part.
PURE = {
    "registry.ledger": set(),
    "registry.papers": set(),
    "checks.engine": set(),
    "checks.verdict": {"checks.engine"},
    "checks.probe": {"checks.engine"},
    "checks.lab": {"checks.engine"},
}
BELOW_CHECKS = {"checks.engine", "checks.verdict", "checks.probe", "checks.lab"}
MAY_IMPORT = {
    **PURE,
    "checks": BELOW_CHECKS,
    "registry": {"registry.ledger", "registry.papers", "checks", *BELOW_CHECKS},
    "config": {"registry", "registry.ledger", "registry.papers", "checks", *BELOW_CHECKS},
}
DOORS = {"web", "api", "desk", "tasks", "admin", "management", "templatetags"}
FRAMEWORK = {
    "django",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "csp",
    "environ",
    "whitenoise",
    "django_otp",
}
DATABASES = {"psycopg", "sqlite3"}
NOT_IN_ENGINE = {"requests", "celery", "kombu", "redis"}
NAMELESS = {"utils", "common", "core", "services", "helpers"}
ENQUEUE = {"delay", "apply_async", "send_task"}


def project_files() -> dict[str, str]:
    """Path from the project's root → source, of all that is ours and runs."""
    paths = [ROOT / "manage.py", *(path for top in TOPS for path in (ROOT / top).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def violations(files: Mapping[str, str]) -> list[str]:
    """What breaks the house, a line each: `path:line: reason`."""
    return [f"{path}:{line}: {reason}" for path in sorted(files) for line, reason in _of_file(path, files[path])]


def _of_file(path: str, source: str) -> Iterator[tuple[int, str]]:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if named := NAMELESS & set(module.split(".")):
        yield 1, f"a module named {named.pop()!r} says nothing of what happens in it"
    if module.endswith("signals"):
        yield 1, "no signals for our own logic"
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for imported in _imported(node):
            yield from ((node.lineno, reason) for reason in _wrong_import(module, imported))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = {inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)}
            yield from ((line, f"an import inside the function {node.name!r}") for line in sorted(inside))
        if isinstance(node, ast.Attribute) and node.attr in ENQUEUE and _is_core(module):
            yield node.lineno, f"only doors enqueue tasks (.{node.attr})"


def _imported(node: ast.AST) -> list[str]:
    """Full names: `from checks import runs` may mean a module, so it is `checks.runs`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return []


def _wrong_import(module: str, imported: str) -> Iterator[str]:
    mine, theirs = _part(module), _part(imported)
    package = imported.split(".")[0]
    if imported.startswith("."):
        yield "imports are written in full"
    if mine and theirs and theirs != mine and theirs not in MAY_IMPORT[mine]:
        yield f"{mine} must not import {theirs} ({imported})"
    if mine in PURE and package in FRAMEWORK | DATABASES:
        yield f"{mine} must not import {package}"
    if mine == "checks.engine" and package in NOT_IN_ENGINE:
        yield f"the engine must not import {package}"
    if _is_core(module) and _is_door(imported):
        yield f"{module} is core and must not import the door {imported}"
    if "signals" in imported.split(".")[1:] or imported.startswith("django.dispatch"):
        yield f"no signals for our own logic ({imported})"


def _part(name: str) -> str:
    fitting = [part for part in MAY_IMPORT if name == part or name.startswith(f"{part}.")]
    return max(fitting, key=len, default="")


def _is_door(name: str) -> bool:
    return name.startswith(("registry.", "checks.")) and name.split(".")[1] in DOORS


def _is_core(module: str) -> bool:
    return _part(module) in {"registry", "checks"} and not _is_door(module)


def test_nothing_in_the_project_breaks_the_house():
    assert violations(project_files()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("checks/runs.py", "from registry.models import Resource"),
        ("checks/runs.py", "import config.settings"),
        ("registry/status.py", "from config import celery_app"),
        ("checks/verdict/judge.py", "from checks.probe.batch import Batch"),
        ("checks/probe/worker.py", "from checks import lab"),
        ("checks/lab/lab.py", "import checks.verdict.judge"),
        ("checks/engine/visit.py", "from checks.verdict import judge"),
        ("checks/engine/visit.py", "from checks import models"),
        ("checks/engine/visit.py", "from django.conf import settings"),
        ("checks/engine/fetch.py", "import requests"),
        ("checks/probe/worker.py", "import django"),
        ("checks/verdict/facts.py", "import sqlite3"),
        ("registry/ledger/tree.py", "from registry import log"),
        ("registry/ledger/tree.py", "from rest_framework import serializers"),
        ("registry/papers/reader.py", "from registry import log"),
        ("registry/papers/reader.py", "from django.conf import settings"),
        ("registry/moderation.py", "from registry.web import views"),
        ("registry/moderation.py", "from checks import tasks"),
        ("checks/judging.py", "from checks.tasks import record"),
        ("registry/moderation.py", "from .models import Report"),
        ("registry/log.py", "from django.db.models.signals import post_save"),
        ("registry/log.py", "from django.dispatch import receiver"),
        ("registry/signals.py", ""),
        ("checks/utils.py", ""),
        ("registry/services/reports.py", ""),
        ("registry/web/views.py", "def page():\n    from registry import status"),
        ("registry/web/views.py", "async def page():\n    if True:\n        import json"),
        ("registry/submissions.py", "record.delay(1)"),
        ("checks/runs.py", "current_app.send_task('measure')"),
    ],
)
def test_a_planted_wrong_import_is_found(path, source):
    found = violations({path: source})
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("config/management/commands/demo.py", "from registry import status\nfrom checks.lab.lab import Lab"),
        ("registry/web/views.py", "from checks.tasks import dispatch\ndispatch.delay()"),
        ("registry/log.py", "from registry.ledger.tree import canonical"),
        ("checks/tasks.py", "current_app.send_task('measure')"),
        ("checks/judging.py", "from checks.verdict.judge import judge\nfrom checks.engine import records"),
        ("checks/probe/worker.py", "import celery\napp.send_task('record')"),
        ("checks/lab/__main__.py", "import signal"),
    ],
)
def test_what_points_down_is_no_violation(path, source):
    assert violations({path: source}) == []


def test_the_pure_parts_load_where_there_is_no_django_and_no_database():
    names = sorted(
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in project_files()
        if path.startswith(tuple(part.replace(".", "/") + "/" for part in PURE))
    )
    program = "import importlib, sys\nfor absent in sys.argv[1].split(): sys.modules[absent] = None\n"
    program += "for name in sys.argv[2:]: importlib.import_module(name)"
    absent = " ".join(sorted(FRAMEWORK | DATABASES))
    loaded = subprocess.run(
        [sys.executable, "-c", program, absent, *names], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert loaded.returncode == 0, loaded.stderr
