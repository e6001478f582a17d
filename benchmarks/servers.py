"""The servers of the bench's internet: Knot DNS, nginx and a DoH server. Their CPU is nobody's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import sites
from benchmarks.namespaces import Namespace

ROOT = Path(__file__).resolve().parent.parent
DOH_PORT = 8053
_STOP_WITHIN = 5.0
_READY_WITHIN = 30.0

_KNOT = """
server:
  listen: [127.0.0.1@53, {resolver}@53, {public}@53]
  rundir: {directory}
  udp-workers: 2
  tcp-workers: 1
  background-workers: 1
database:
  storage: {directory}
template:
  - id: default
    storage: {directory}
    file: sites.zone
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {zone}
log:
  - target: stderr
    any: warning
"""

_NGINX = """
user root;
worker_processes 2;
worker_rlimit_nofile 65536;
pid {directory}/nginx.pid;
error_log {directory}/nginx.err;
daemon off;
events {{ worker_connections 30000; }}
http {{
  access_log off;
  server_tokens off;
  types {{ text/html html; }}
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate_key {directory}/leaf.key;
  # s_time sends no server name
  map $ssl_server_name $shown {{ default $ssl_server_name; "" {nameless}; }}
  upstream doh {{ server 127.0.0.1:{doh_port}; keepalive 64; }}
  server {{
    listen 443 ssl default_server reuseport backlog=60000;
    ssl_certificate {directory}/leaves/$shown.pem;
    root {directory}/www;
  }}
  server {{
    listen 443 ssl;
    server_name {doh_name};
    ssl_certificate {directory}/leaves/{doh_name}.pem;
    location / {{ proxy_pass http://doh; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""

_PAGE = (
    "<!doctype html><html><head><title>Example page</title></head><body>"
    + "<p>Some words, as a page has them.</p>" * 76
    + "</body></html>\n"
)


def write_configuration(directory: Path, names: Sequence[str]) -> None:
    """What the servers read, beside the certificates."""
    (directory / "www").mkdir()
    (directory / "www" / "index.html").write_text(_PAGE)
    (directory / "sites.zone").write_text(sites.zone(names))
    knot = _KNOT.format(directory=directory, zone=sites.ZONE, resolver=sites.RESOLVER, public=sites.PUBLIC_RESOLVER)
    nginx = _NGINX.format(directory=directory, doh_port=DOH_PORT, doh_name=sites.DOH_NAME, nameless=names[0])
    (directory / "knot.conf").write_text(knot)
    (directory / "nginx.conf").write_text(nginx)


@contextmanager
def process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def servers(inside: Namespace, directory: Path) -> Iterator[None]:
    """All three, answering."""
    knot = inside.command(["knotd", "-c", str(directory / "knot.conf")])
    nginx = inside.command(["nginx", "-c", str(directory / "nginx.conf")])
    doh = inside.command([sys.executable, "-m", "benchmarks.doh"])
    ready = inside.command([sys.executable, "-m", "benchmarks.ready", str(directory / "root.pem")])
    with (
        process(knot, directory / "knot.log"),
        process(doh, directory / "doh.log"),
        process(nginx, directory / "nginx.log"),
    ):
        try:
            subprocess.run(ready, check=True, capture_output=True, timeout=_READY_WITHIN, cwd=ROOT)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said = [path.read_text(errors="replace").strip() for path in sorted(directory.glob("*.log"))]
            raise OSError("the bench's servers do not answer: " + " ".join(filter(None, said))) from error
        yield
