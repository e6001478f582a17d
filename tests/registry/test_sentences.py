"""Every tuple of act × listing × statement × state has one situation and a sentence that claims no more than is known.

No database: the rows are not saved. docs/data.md lists the enumerations, and holds the table that comes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import pytest
from django.utils import translation

from checks.models import Network, State
from registry import status
from registry.models import Act, Appeal, Resource, Restriction, Statement
from registry.status import (
    Legal,
    Listed,
    Listing,
    NetworkState,
    Observed,
    Recorded,
    Said,
    Seen,
    Situation,
    Status,
    Sure,
)
from registry.status.confidence import CHANGES
from registry.status.terms import ACT_KNOWN, OVER

DATA = Path(__file__).resolve().parents[2] / "docs" / "data.md"
DAY = date(2026, 3, 1)
JANUARY = datetime(2026, 1, 4, 8, tzinfo=UTC)
LANGUAGES = ("kk", "ru", "en")
STATES = (*State, None)  # None: not measured

# How the record comes to each of these: the restriction's status, its end, and whether an act is known. The acts of
# those whose name begins so were reversed.
ACTS: dict[str, tuple[Legal, str, str, bool]] = {
    "none": (Legal.NONE, "", "", False),
    "reported": (Legal.NO_ACT, "unknown", "", False),
    "reported, in force": (Legal.NO_ACT, "in_force", "", False),
    "reported, appealed": (Legal.NO_ACT, "appealed", "", False),
    "in force": (Legal.ORDERED, "in_force", "", True),
    "known": (Legal.ORDERED, "unknown", "", True),
    "ends later": (Legal.ORDERED, "in_force", "2026-03-02", True),
    "appealed": (Legal.APPEALED, "appealed", "", True),
    "suspended": (Legal.SUSPENDED, "suspended", "", True),
    "reversed": (Legal.REVERSED, "unknown", "", True),
    "reversed, in force": (Legal.REVERSED, "in_force", "", True),
    "reversed, appealed": (Legal.REVERSED, "appealed", "", True),
    "reversed, no date": (Legal.REVERSED, "unknown", "", True),
    "reversed, ended": (Legal.LIFTED, "unknown", "2026-02-01", True),
    "lifted": (Legal.LIFTED, "lifted", "2026-02-01", True),
    "lifted, no act": (Legal.LIFTED, "lifted", "", False),
    "ended": (Legal.LIFTED, "unknown", "2026-02-01", True),
    "suspended, ended": (Legal.LIFTED, "suspended", "2025", True),
    "expired": (Legal.EXPIRED, "expired", "", True),
}
SAID: dict[Said, tuple[str, ...]] = {
    Said.NONE: (),
    Said.ADMITS: ("admits",),
    Said.DENIES: ("denies", "silent"),
    Said.SILENT: ("silent",),
    Said.TECHNICAL_WORKS: ("technical_works",),
    Said.CONTRADICTING: ("admits", "denies"),
}
LISTINGS = (
    Listing(Listed.NOW, "2026-02-01"),
    Listing(Listed.WAS, "2026-01"),
    Listing(Listed.NEVER, "2026-02-01"),
    Listing(),
)

# What the words of each language would claim.
BLOCKED = {"kk": r"бұғаттал(ған|ды)", "ru": r"заблокирован", "en": r"\bblocked\b"}
ORDER = {
    "kk": r"нұсқама|бұйры|акт бар|акт бойынша",
    "ru": r"предписан|по официальному акту|есть официальны",
    "en": r"\border",
}
REVERSED = {"kk": r"актінің күші жойыл", "ru": r"отмен[её]н", "en": r"\breversed\b"}
OPENS = {"kk": r"(?<!не )\bашылады", "ru": r"(?<!не )открывается(?! ли)", "en": r"\bopens\b(?! neither)"}
ACCUSES = {
    "kk": r"өндірістік|заңсыз|цензура",
    "ru": r"производствен|незаконн|цензур|скрыва|лжёт",
    "en": r"production|illegal|unlawful|censor|hide|lie\b",
}
DENIES = {"kk": "жоққа шығарады", "ru": "отрицает", "en": "denies"}


def network(asn: int, state: State, *, partly: bool = False, **fields: object) -> NetworkState:
    told = {
        "network": Network(pk=asn, asn=asn, name=f"NETWORK-{asn}", kind=Network.Kind.ACCESS, country="KZ"),
        "mechanism": "",
        "target": 1,
        "since": JANUARY,
        "since_at_least": False,
        "not_before": None,
        "episode": None,
        "disputed": "",
        "undecided": False,
        "measured_at": JANUARY,
        "measurements": 6,
        "conclusive": 6,
        "runs": 3,
        "vantages": 1,
        "verdicts": {},
        "rules": {"dns_blockpage": 6} if state == State.BLOCKED else {},
        "counted_from": None,
        "counted_until": None,
        "usual": None,
        "fewer": False,
        "places": {},
        "split": False,
        "witnesses": (),
        "imitated": False,
        **fields,
    }
    return NetworkState(state=state, partly=partly, **told)  # type: ignore[arg-type]


def recorded(act: str, *stances: str) -> list[Recorded]:
    _, status_, ended, has_act = ACTS[act]
    if not status_:
        return []
    acts = (Act(pk=1, key="a", type="court_decision", number="2-1204", date="2026-01-04", confidence="high"),)
    said = tuple(
        Statement(pk=number, stance=stance, speaker="ABC", date="2026-01-05") for number, stance in enumerate(stances)
    )
    row = Restriction(pk=1, status=status_, began="2026-01-04", ended=ended)
    decided = "" if "no date" in act else "2026-02-13"
    fell = (Appeal(act=acts[0], outcome="reversed", decided=decided, confidence="high"),)
    return [Recorded(row, acts if has_act else (), said, fell if act.startswith("reversed") else ())]


def crossed(act: str, listing: Listing, said: Said, state: State | None, *, partly: bool = False) -> Status:
    states = tuple(network(asn, state, partly=partly) for asn in (1, 2)) if state else ()
    resource = Resource(pk=1, type="domain", name="orda.kz", host="orda.kz", slug="orda.kz")
    return status.cross(resource, recorded(act, *SAID[said]), listing, Seen(states, 1), day=DAY)


def every() -> Iterator[tuple[tuple[object, ...], Status]]:
    for act, listing, said, state, partly in product(ACTS, LISTINGS, Said, STATES, (False, True)):
        if not (partly and state is None):
            yield (act, listing.listed, said, state, partly), crossed(act, listing, said, state, partly=partly)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tuple_has_one_situation_and_a_sentence_that_claims_no_more_than_is_known(language: str) -> None:
    seen = 0
    with translation.override(language):
        for key, found in every():
            seen += 1
            legal, sentence = found.legal, found.sentence()
            unreachable, opens = found.observed == Observed.BLOCKED, found.observed == Observed.ACCESSIBLE
            assert legal == ACTS[str(key[0])][0], key
            assert found.situation in Situation, key
            assert sentence.endswith("."), key
            assert "%" not in sentence, key
            assert not re.search(r"[a-z]{4}", sentence.replace("ABC", "")) or language == "en", (key, sentence)
            in_force = legal == Legal.ORDERED
            assert bool(re.search(BLOCKED[language], sentence)) <= in_force, (key, sentence)
            if language != "en" or not in_force:  # "ordered to be blocked" holds the word
                assert bool(re.search(BLOCKED[language], sentence)) <= (in_force and unreachable), (key, sentence)
            assert bool(re.search(ORDER[language], sentence)) <= in_force, (key, sentence)
            assert bool(re.search(OPENS[language], sentence.casefold())) <= opens, (key, sentence)
            assert not re.search(ACCUSES[language], sentence.casefold()), (key, sentence)
            assert ("2-1204" in sentence) == (legal in {*ACT_KNOWN, Legal.REVERSED}), (key, sentence)
            assert bool(re.search(REVERSED[language], sentence)) == (legal == Legal.REVERSED), (key, sentence)
            denied = DENIES[language] in sentence
            possible = legal not in {*OVER, Legal.NONE} and found.observed in (Observed.BLOCKED, Observed.THROTTLED)
            assert denied == (possible and key[2] in (Said.DENIES, Said.CONTRADICTING)), (key, sentence)
            if denied:
                assert f"ABC {'' if language != 'kk' else 'шектеу барын '}{DENIES[language]}" in sentence, sentence
                assert "2026" in sentence.partition(DENIES[language])[2], sentence
    assert seen == len(ACTS) * 4 * 6 * (2 * 7 + 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tuple_says_how_sure_it_is_and_what_would_change_it(language: str) -> None:
    with translation.override(language):
        for key, found in every():
            reasons, changes = found.confidence_reasons(), found.would_change()
            assert 1 <= len(changes) <= CHANGES, key
            assert reasons, key
            for told in (*reasons, *changes):
                assert told.endswith("."), (key, told)
                assert "%(" not in told, (key, told)
            unknown = found.observed in (Observed.INSUFFICIENT, Observed.NOT_MEASURED)
            assert (found.confidence == Sure.UNKNOWN) == unknown, key
            assert found.confidence != Sure.HIGH or found.observed != Observed.CONTRADICTORY, key


def test_every_tuple_is_in_the_table_of_the_data_page() -> None:
    told = DATA.read_text(encoding="utf-8")
    with translation.override("en"):
        for legal, listed, observed in product(Legal, Listed, Observed):
            situation = status.situation_of(legal, listed, observed)
            line = next(
                line
                for line in told.splitlines()
                if line.startswith(f"| `{legal.value}` |") and f"`{listed.value}`" in line
            )
            cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
            assert cells[2 + list(Observed).index(observed)] == situation.value, (legal, listed, observed)
    for words in (Legal, Listed, Said, Observed, Sure, Situation):
        for word in words:
            assert f"`{word.value}`" in told, word


def test_the_sharpest_sentence_comes_out() -> None:
    seen = Seen((*(network(asn, State.BLOCKED) for asn in range(1, 7)), network(7, State.ACCESSIBLE)), 0)
    record = recorded("reported", "denies")
    record[0].statements[0].speaker, record[0].statements[0].date = "the ministry", ""
    found = status.cross(
        Resource(pk=1, type="domain", name="orda.kz", host="orda.kz"), record, Listing(), seen, day=DAY
    )
    said = {
        "en": "Unreachable on 6 of 7 networks since 4 January 2026; no act is known; the ministry denies it.",
        "ru": "С 4\u00a0января 2026\u00a0г. недоступен в 6 из 7 сетей; официальный акт неизвестен; "
        "the ministry отрицает ограничение доступа.",
        "kk": "7 желі ішінен 6 желіде қолжетімсіз (басталған күні: 2026\u00a0ж. 4\u00a0қаңтар); "
        "бұғаттау туралы акт белгісіз; the ministry шектеу барын жоққа шығарады.",
    }
    for language, sentence in said.items():
        with translation.override(language):
            assert found.sentence() == sentence
    assert found.confidence == Sure.HIGH


def test_a_speaker_who_is_not_named_stands_in_the_sentence_like_any_other() -> None:
    record = recorded("reported", "denies")
    speaker = "a reader of orda.kz/secret"
    record[0].statements[0].speaker, record[0].statements[0].date = speaker, ""
    hidden = Resource(pk=1, type="url", name="https://orda.kz/secret", host="orda.kz", display="withheld")
    found = status.cross(hidden, record, Listing(), Seen((network(1, State.BLOCKED),), 0), day=DAY)
    said = {
        "en": "somebody whose name is not shown denies it.",
        "ru": "не названное здесь лицо отрицает ограничение доступа.",
        "kk": "аты көрсетілмеген тұлға шектеу барын жоққа шығарады.",
    }
    for language, sentence in said.items():
        with translation.override(language):
            assert found.sentence().endswith(sentence)
            assert speaker not in found.sentence()


def sentence(act: str, state: State | None, *, listing: Listing | None = None, said: Said = Said.NONE) -> str:
    with translation.override("en"):
        return crossed(act, listing or Listing(), said, state).sentence()


def test_an_act_alone_is_an_order_and_no_block() -> None:
    title = "court decision 2-1204, 4 January 2026"
    assert sentence("in force", None) == f"Ordered to be blocked ({title}); not measured on any network."
    assert sentence("in force", State.BLOCKED).startswith(f"Blocked by order ({title}); unreachable on 2 of 2 networks")
    assert sentence("appealed", State.BLOCKED).startswith(f"Its restriction is under appeal ({title}); unreachable on")
    assert sentence("suspended", State.ACCESSIBLE) == (
        f"Its restriction is suspended ({title}); opens on all 2 networks measured."
    )


def test_what_was_reversed_is_told_with_the_act_and_the_day_and_is_no_order() -> None:
    told = "the act that restricted it was reversed (13 February 2026: court decision 2-1204)"
    assert sentence("reversed", State.BLOCKED) == f"Unreachable on 2 of 2 networks since 4 January 2026; yet {told}."
    assert sentence("reversed, in force", State.ACCESSIBLE) == f"Opens on all 2 networks measured; {told}."
    assert sentence("reversed", None, listing=LISTINGS[0]) == (
        f"Not measured on any network; {told}; the state register lists it (1 February 2026)."
    )
    assert sentence("reversed, no date", None).endswith("was reversed (court decision 2-1204).")


def test_a_reversal_is_no_surer_than_the_sources_that_tell_of_it() -> None:
    record = recorded("reversed")
    record[0].reversals[0].confidence = "low"
    seen = Seen((network(1, State.BLOCKED), network(2, State.BLOCKED)), 0)
    found = status.cross(Resource(pk=1), record, Listing(), seen, day=DAY)
    assert found.confidence == Sure.LOW
    assert status.cross(Resource(pk=1), recorded("reversed"), Listing(), seen, day=DAY).confidence == Sure.HIGH
    with translation.override("en"):
        reasons, changes = found.confidence_reasons(), found.would_change()
    assert "The sources that name the act are rated high." in reasons
    assert "The sources that tell of its reversal are rated low." in reasons
    assert "That no other act is known to us is no proof that there is none." in reasons
    assert "A decision that puts the act into force again, or another act in force that a source names." in changes


def test_an_act_that_is_over_is_not_called_unknown() -> None:
    ended = recorded("ended")[0]
    current = Recorded(Restriction(pk=2, status="unknown"))
    seen = Seen((network(1, State.BLOCKED),), 0)
    found = status.cross(Resource(pk=1), [current, ended], Listing(), seen, day=DAY)
    with translation.override("en"):
        assert found.legal == Legal.NO_ACT
        assert (len(found.acts), found.deciding_acts, found.current_acts) == (1, (), ())
        assert "no act in force is known" in found.sentence()


def test_what_the_state_register_says_is_told_with_its_day() -> None:
    now, was, never = LISTINGS[:3]
    assert sentence("none", State.BLOCKED, listing=now).endswith(
        "no act is known; the state register lists it (1 February 2026)."
    )
    assert sentence("in force", State.BLOCKED, listing=was).endswith(
        "the state register no longer lists it (last on January 2026)."
    )
    assert sentence("none", State.BLOCKED, listing=never).endswith(
        "the state register does not list it (1 February 2026)."
    )
    assert "state register" not in sentence("none", State.BLOCKED)


def test_of_a_contradiction_both_sides_are_quoted() -> None:
    told = sentence("reported", State.BLOCKED, said=Said.CONTRADICTING)
    assert told.endswith("ABC admits it (5 January 2026); ABC denies it (5 January 2026).")


@pytest.mark.parametrize(("said_on", "counts"), [("2019", False), ("2026-01-03", False), ("2026-01", True), ("", True)])
def test_what_was_said_before_it_began_was_about_something_else(said_on: str, counts: bool) -> None:
    record = recorded("reported", "denies")
    record[0].statements[0].date = said_on
    seen = Seen((network(1, State.BLOCKED),), 0)
    assert bool(status.cross(Resource(pk=1), record, Listing(), seen, day=DAY).spoken) is counts
    unseen = Seen((network(1, State.BLOCKED, since_at_least=True),), 0)
    assert status.cross(Resource(pk=1), record, Listing(), unseen, day=DAY).spoken


@pytest.mark.parametrize(
    ("states", "sure"),
    [
        ([network(1, State.BLOCKED), network(2, State.BLOCKED)], Sure.HIGH),
        ([network(1, State.BLOCKED), network(2, State.ACCESSIBLE)], Sure.MEDIUM),
        ([network(1, State.LIKELY_BLOCKED), network(2, State.LIKELY_BLOCKED)], Sure.MEDIUM),
        ([network(1, State.LIKELY_BLOCKED)], Sure.LOW),
        ([network(1, State.BLOCKED, disputed="Moved."), network(2, State.BLOCKED, undecided=True)], Sure.MEDIUM),
        ([network(1, State.BLOCKED, split=True), network(2, State.BLOCKED, split=True)], Sure.MEDIUM),
        ([network(1, State.BLOCKED, split=True), network(2, State.BLOCKED)], Sure.HIGH),
        ([network(1, State.BLOCKED, disputed="Moved."), network(2, State.BLOCKED)], Sure.HIGH),
        ([network(1, State.THROTTLED)], Sure.LOW),
        ([network(1, State.ACCESSIBLE)], Sure.LOW),
        ([network(1, State.ACCESSIBLE), network(2, State.ACCESSIBLE)], Sure.HIGH),
        ([network(1, State.ACCESSIBLE, partly=True), network(2, State.ACCESSIBLE)], Sure.MEDIUM),
        ([network(1, State.ACCESSIBLE), network(2, State.DOWN)], Sure.LOW),
        ([network(1, State.DOWN)], Sure.MEDIUM),
        ([network(1, State.INSUFFICIENT)], Sure.UNKNOWN),
        ([], Sure.UNKNOWN),
    ],
)
def test_how_sure_the_answer_is_follows_the_evidence(states: list[NetworkState], sure: Sure) -> None:
    found = status.cross(Resource(pk=1), [], Listing(), Seen(tuple(states), 1), day=DAY)
    assert found.confidence == sure


def test_an_answer_that_names_an_act_is_no_surer_than_the_sources_of_the_act() -> None:
    record = recorded("in force")
    record[0].acts[0].confidence = "low"
    seen = Seen((network(1, State.BLOCKED), network(2, State.BLOCKED)), 0)
    found = status.cross(Resource(pk=1), record, Listing(), seen, day=DAY)
    assert found.confidence == Sure.LOW
    with translation.override("en"):
        assert "The sources that name the act are rated low." in found.confidence_reasons()
        assert "A decision that lifts or cancels the act." in found.would_change()


def test_what_is_missing_for_an_answer_is_counted() -> None:
    states = (network(1, State.INSUFFICIENT, conclusive=0), network(2, State.INSUFFICIENT, conclusive=1))
    found = status.cross(Resource(pk=1), [], Listing(), Seen(states, 0), day=DAY)
    with translation.override("en"):
        assert found.would_change()[0] == f"2 more conclusive measurements on {states[1].network}."
