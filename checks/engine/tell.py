"""A measurement and a self-test in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from checks.engine.failures import Failure
from checks.engine.records import VISIT, Connect, Exchange, Handshake, Measurement, Query, SelfTest


def tell(m: Measurement, controls: Iterable[Measurement]) -> str:
    """The measurement for people, one step a line, in the order of the steps."""
    where = f"imitated network {m.world}" if m.imitated else "this machine's own network"
    lines = [f"{m.url}  ({where}, {m.runtime:.2f} s)"]
    for q in m.queries:
        said = ", ".join(f"{a.type} {a.value}" for a in q.answers)
        late = " (a second, late reply)" if q.late else ""
        lines.append(_line("DNS", q.hop, f"{q.name} {q.type} at {q.resolver}{late}", q.failure, said, q.t - q.t0))
    for r in m.refusals:
        lines.append(f"  guard hop {r.hop}  {r.address}: not dialled ({r.reason})")
    made = set()
    for c in m.connects:
        place = (c.hop, c.address, c.port, c.purpose)
        anew = ", dialled anew: it had waited for its turn here" if place in made and c.purpose == VISIT else ""
        made.add(place)
        what = f"{c.address} port {c.port}{_purpose(c.purpose)}{anew}"
        lines.append(_line("TCP", c.hop, what, c.failure, "", c.t - c.t0))
    for h in m.handshakes:
        detail = f"{h.version}, issuer {h.chain[0].issuer}" if h.version and h.chain else ""
        what = f"{h.address} as {h.server_name or 'nobody'}{_purpose(h.purpose)}"
        lines.append(_line("TLS", h.hop, what, h.failure, detail, h.t - h.t0))
    for e in m.exchanges:
        detail = f"status {e.status}, {e.body_length} bytes, title {e.title!r}" if e.status else ""
        if e.location:
            detail += f", redirects to {e.location}"
        lines.append(_line("HTTP", e.hop, f"{e.url}{_purpose(e.purpose)}", e.failure, detail, e.t - e.t0))
    lines.append(f"  {_end('ended', m)}")
    lines += [f"  {_end('a control ended', control)}" for control in controls]
    steps: tuple[Query | Connect | Handshake | Exchange, ...] = (*m.queries, *m.connects, *m.handshakes, *m.exchanges)
    if any(step.failure == Failure.INTERRUPTED for step in steps):
        lines.append("  the time for this visit ran out: a step that was interrupted proves nothing")
    if m.overloaded:
        lines.append("  this machine was overloaded: its timeouts prove nothing")
    return _printable(lines)


def _printable(lines: Iterable[str]) -> str:
    """What networks, sites and files say may not move the cursor, nor begin a line of its own."""
    return "\n".join("".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in lines)


def _end(who: str, m: Measurement) -> str:
    return f"{who} with {m.failure}" if m.failure else f"{who} with a final response"


def _line(step: str, hop: int, what: str, failure: str | None, detail: str, seconds: float) -> str:
    outcome = f"FAILED {failure}" if failure else "ok"
    return f"  {step:<4} hop {hop}  {what}: {outcome} in {seconds:.3f} s" + (f" ({detail})" if detail else "")


def _purpose(purpose: str) -> str:
    return "" if purpose == VISIT else f" [{purpose}]"


def tell_test(test: SelfTest) -> str:
    lines = [
        "self-test of this vantage",
        f"  clock ahead of the control's by: {_said(test.clock_offset)} s",
        f"  somebody answers in the place of others (captive portal): {_said(test.captive_portal)}",
        f"  the resolver invents names: {_said(test.invented_names)}",
        f"  IPv6 works: {_said(test.ipv6)}",
        f"  own network: {_said(test.asn and f'AS{test.asn}')}",
        *(f"  must open: {name}: {'opened' if opened else 'DID NOT OPEN'}" for name, opened in test.must_allow),
        *(f"  must be blocked: {name}: {'OPENED' if opened else 'blocked'}" for name, opened in test.must_block),
        f"  unfit: {', '.join(test.failed)}; nothing measured here would count" if test.failed else "  fit to measure",
    ]
    return _printable(lines)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else str(value)
