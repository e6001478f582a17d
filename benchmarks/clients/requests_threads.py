"""The design that comes to mind first: dnspython and requests, a thread for each visit in flight.

`python -m benchmarks.clients.requests_threads JOB.json trust|root` names the trust store: certifi's roots with the
bench's, as everybody has them, or the bench's root alone, which spares requests most of its reading at every visit.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.resolver
import requests

from benchmarks.job import Job, Sight, finish, tally, wait_for_start


class Client:
    def __init__(self, job: Job, trust: str) -> None:
        self._deadline, self._trust = job.deadline, trust
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [job.resolver]
        self._resolver.lifetime = job.deadline

    def visit(self, name: str) -> Sight:
        try:
            for kind in ("A", "AAAA"):
                self._resolver.resolve(name, kind, raise_on_no_answer=False)
            response = requests.get(
                f"https://{name}/", verify=self._trust, timeout=self._deadline, headers={"Connection": "close"}
            )
        except (OSError, dns.exception.DNSException) as error:  # requests' errors are OSErrors
            return Sight(name, type(error).__name__)
        return Sight(name, None if b"<title>" in response.content else "no page")


def visit_all(client: Client, pool: ThreadPoolExecutor, names: Sequence[str]) -> list[Sight]:
    return list(pool.map(client.visit, names))


if __name__ == "__main__":
    the_job = Job.load()
    the_client = Client(the_job, {"trust": the_job.trust, "root": the_job.root}[sys.argv[2]])
    with ThreadPoolExecutor(the_job.in_flight) as threads:
        visit_all(the_client, threads, the_job.warm_up)
        wait_for_start()
        finish(tally(visit_all(the_client, threads, the_job.names)))
