"""Residual blocking: what a censor remembers shows in the connection, or only in the handshake."""

from dataclasses import replace

from checks.engine.records import REPEAT, SNI_SWAP
from checks.verdict.fingerprints import References
from checks.verdict.judge import judge
from tests.verdict.make import connect, handshake, unsecured, visit

TIMEOUT = "generic_timeout_error"


def test_a_neutral_handshake_that_falls_silent_after_the_suspected_one_is_residual():
    tries = [(SNI_SWAP, None), (REPEAT, TIMEOUT), (SNI_SWAP, TIMEOUT), (REPEAT, TIMEOUT)]
    again = [
        handshake(failure=failure, chain=(), purpose=purpose, t0=10.0 + number, t=10.5 + number)
        for number, (purpose, failure) in enumerate(tries)
    ]
    cut = unsecured(TIMEOUT, *again)
    cut = replace(cut, connects=(connect(), *(connect(purpose=h.purpose, t0=h.t0 - 0.1) for h in again)))
    assert "residual_blocking" in judge(cut, [visit()], References()).notes
    answered = replace(cut, handshakes=(*cut.handshakes[:3], replace(cut.handshakes[3], failure=None)))
    assert "residual_blocking" not in judge(answered, [visit()], References()).notes
