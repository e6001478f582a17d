"""The rules, as data: the first match decides. Ids are published and never change their meaning.

`make rules` lists them in docs/method.md. To change a rule, add another to a new tuple of rules, enter that in RULESETS
beside the one before, put the old id into RETIRED and raise RULESET: two can be applied until all is judged anew.
tests/verdict/golden/rules.csv remembers every id that was ever published, and what it means. The order and
the thresholds follow research on OONI's pipelines; weights are its rule weights (ooni/data, rules.py).
Sentences say what was observed on a network, never that somebody ordered it; {host} is the failed hop's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from checks.verdict.facts import CHALLENGES, DNS_ODD, Dns, Facts, FailureClass, Step

RULESET = "2026-11"
REFUSALS = 400  # from this status on, a server says itself that it does not give the page

OONI_DATA = "ooni/data, analysis/rules.py"
OONI_LTE = "ooni/probe-cli, webconnectivitylte/analysisclassic.go"
OONI_TS017 = "ooni/spec, ts-017 web connectivity"
OONI_TS024 = "ooni/spec, ts-024 SNI blocking"
OONI_KZ_2024 = "OONI, Internet Freedom Kazakhstan, Eurasian Digital Foundation: report of 2024-09-19"
OONI_KZ_2023 = "OONI: throttling in Kazakhstan, 2023"
OONI_FINGERPRINTS = "ooni/backend, fastpath/core.py; ooni/blocking-fingerprints"
CENSORED_PLANET = "Censored Planet, Satellite; IMC 2020 on Kazakhstan's HTTPS interception"
OWN = "ours: what is not known stays unknown (docs/method.md)"


class Verdict(StrEnum):
    ACCESSIBLE = "accessible"
    BLOCKED = "blocked"
    DOWN = "down"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Rule:
    """`mechanism` is the deepest node of the taxonomy that the facts support; `weight` 0-1 is its certainty.

    `when` says in words what the predicate asks. Of a mechanism that depends on the facts, `mechanisms` are all.
    """

    id: str
    verdict: Verdict
    mechanism: str | Callable[[Facts], str] | None
    predicate: Callable[[Facts], bool]
    sentence_en: str
    sentence_ru: str
    sentence_kk: str
    weight: float
    source: str
    when: str = ""
    artefact: bool = False  # only a censor shows this
    notes: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()

    def mechanism_of(self, facts: Facts) -> str | None:
        return self.mechanism(facts) if callable(self.mechanism) else self.mechanism


def _resolver(dns: Dns) -> Callable[[Facts], bool]:
    return lambda f: f.dns == dns and f.dns_resolved_by_controls


def _failed(step: Step, failure: FailureClass) -> Callable[[Facts], bool]:
    """It failed so, on an address that is the site's own, where the control succeeded."""
    return lambda f: f.dns_trusted and f.step == step and f.failure == failure and f.pair == "ok"


def _failed_by_name(failure: FailureClass) -> Callable[[Facts], bool]:
    failed = _failed("tls", failure)
    return lambda f: failed(f) and f.swap == "answered" and f.repeated == "failed"


def _cleartext(failure: FailureClass) -> Callable[[Facts], bool]:
    failed = _failed("http", failure)
    return lambda f: failed(f) and not f.hop_secure


def _notice(facts: Facts) -> bool:
    """What notices of blocking say, and no status with which servers turn visitors away themselves."""
    return facts.blockpage == "vague" and (facts.status is None or facts.status < REFUSALS)


def _compared_name(facts: Facts) -> bool:
    """Whether there was another answer for the name to compare with."""
    return facts.dns_resolving > 0 or facts.dns_failing > 0 or facts.dns == "two_replies"


_ACCESSIBLE, _BLOCKED, _DOWN, _INCONCLUSIVE = Verdict.ACCESSIBLE, Verdict.BLOCKED, Verdict.DOWN, Verdict.INCONCLUSIVE
_DNS_FAILURES = ("nxdomain", "servfail", "refused", "timeout", "no_answer", "failed")

RULES: tuple[Rule, ...] = (
    # --- the probe itself
    Rule(
        "probe_overloaded",
        _INCONCLUSIVE,
        None,
        lambda f: f.probe == "overloaded",
        "Our own probe was too busy to measure; this says nothing about {host}.",
        "Наша точка проверки была перегружена; о {host} это ничего не говорит.",
        "Біздің тексеру нүктеміз шамадан тыс жүктелген еді; бұл {host} туралы ештеңе білдірмейді.",
        0.0,
        OWN,
        "the probe's own event loop lagged, and something failed or was slow",
    ),
    Rule(
        "probe_failed",
        _INCONCLUSIVE,
        None,
        lambda f: f.probe == "failed",
        "Our own probe failed or ran out of time; this says nothing about {host}.",
        "На нашей точке проверки произошёл сбой или не хватило времени; о {host} это ничего не говорит.",
        "Біздің тексеру нүктеміз істен шықты немесе уақыты жетпеді; бұл {host} туралы ештеңе білдірмейді.",
        0.0,
        OWN,
        "an unknown failure, or our own deadline, ended the decisive step; or nobody answered anything at all",
    ),
    # --- pages that load
    Rule(
        "tls_throttled",
        _BLOCKED,
        "tls.throttle.sni",
        lambda f: f.throttle == "slow_control_fast" and f.slowed == "handshake",
        "Connecting to {host} took at least five times as long as to another name on the same address.",
        "Соединение с {host} устанавливалось не менее чем в пять раз дольше, чем с другим именем на том же адресе.",
        "{host} сайтына қосылу сол мекенжайдағы басқа атауға қосылудан кемінде бес есе ұзаққа созылды.",
        0.75,
        OONI_KZ_2023,
        "handshake ≥ 5 × the baseline name's on the same address and ≥ 1 s, the control's < 1 s",
    ),
    Rule(
        "page_throttled",
        _BLOCKED,
        lambda f: "tls.throttle.sni" if f.hop_secure else "http.throttle.host",
        lambda f: f.throttle == "slow_control_fast" and f.slowed == "page",
        "The page of {host} came at least five times as slowly as another name's from the same address.",
        "Страница {host} загружалась не менее чем в пять раз медленнее, чем страница под другим именем с того же "
        "адреса.",
        "{host} беті сол мекенжайдағы басқа атаудың бетінен кемінде бес есе баяу жүктелді.",
        0.75,
        OONI_KZ_2023,
        "the page, of at least 16 KiB, came at most a fifth as fast as a neutral name's from the same address; "
        "the control's at least five times as fast",
        mechanisms=("tls.throttle.sni", "http.throttle.host"),
    ),
    Rule(
        "tls_slow_no_control",
        _INCONCLUSIVE,
        None,
        lambda f: f.throttle == "slow_no_control",
        "{host} answered very slowly, but no control measurement tells whether the site itself is slow.",
        "{host} отвечал очень медленно, но без контрольного измерения неизвестно, не сам ли сайт работает медленно.",
        "{host} өте баяу жауап берді, бірақ бақылау өлшеуінсіз сайттың өзі баяу ма, белгісіз.",
        0.0,
        OWN,
        "as slow as that, but no control's handshake to compare",
    ),
    Rule(
        "tls_valid",
        _ACCESSIBLE,
        None,
        lambda f: f.response == "secure",
        "{host} opened, with a valid certificate.",
        "{host} открылся, сертификат действителен.",
        "{host} ашылды, сертификаты жарамды.",
        1.0,
        OONI_LTE,
        "final response over a valid certificate, at an address that the network's own resolver gave, or another that "
        "the device asks (note `other_resolver`)",
    ),
    Rule(
        "http_same_page",
        _ACCESSIBLE,
        None,
        lambda f: f.response == "cleartext" and (f.page == "identical" or (f.page == "same" and f.blockpage == "none")),
        "{host} showed the same page as from the control network.",
        "{host} показал ту же страницу, что и при запросе из контрольной сети.",
        "{host} бақылау желісіне көрсететін бетті көрсетті.",
        0.9,
        OONI_TS017,
        "cleartext final response of the control's status and body; or of its status and title, without words of a "
        "notice",
    ),
    Rule(
        "http_page_alike",
        _ACCESSIBLE,
        None,
        lambda f: f.response == "cleartext" and f.page == "alike" and f.blockpage == "none" and f.dns_trusted,
        "{host} showed a page that resembles the one from the control network.",
        "{host} показал страницу, похожую на ту, что получена из контрольной сети.",
        "{host} бақылау желісіне көрсеткен бетке ұқсас бетті көрсетті.",
        0.7,
        OONI_TS017,
        "cleartext final response, at an address of the site's, of the control's status and its length or an uncommon "
        "header of its; no words of a notice",
    ),
    # --- artefacts: need no control
    Rule(
        "tls_interception_ca",
        _BLOCKED,
        "tls.mitm.ca_signed",
        lambda f: f.interception,
        "The connection to {host} was intercepted: its certificate came from a known interception authority.",
        "Соединение с {host} было перехвачено: сертификат выдан удостоверяющим центром, известным по перехвату "
        "трафика.",
        "{host} сайтымен байланыс ұстап алынды: сертификатты трафикті ұстап алуымен белгілі куәландыру орталығы "
        "берген.",
        1.0,
        CENSORED_PLANET,
        "refused chain of a known interception authority, by hash or issuer, that the control does not see",
        artefact=True,
    ),
    Rule(
        "dns_blockpage",
        _BLOCKED,
        "dns.injection.blockpage",
        lambda f: f.blockpage == "known" and ((f.dns in DNS_ODD and _compared_name(f)) or f.hijacked),
        "The network's resolver sent {host} to a known block page.",
        "Вместо {host} DNS-сервер сети направил на известную страницу-заглушку.",
        "Желінің DNS-сервері {host} орнына белгілі бұғаттау бетіне бағыттады.",
        1.0,
        OONI_FINGERPRINTS,
        "known block page at an address that no control got, or that two resolvers forged alike",
        artefact=True,
    ),
    Rule(
        "dns_known_address",
        _BLOCKED,
        "dns.injection.blockpage",
        lambda f: f.dns in DNS_ODD and f.dns_known_address,
        "The network's resolver sent {host} to an address that is known for block pages.",
        "DNS-сервер сети дал для {host} адрес, на котором, как известно, размещаются страницы-заглушки.",
        "Желінің DNS-сервері {host} атауын бұғаттау беттерімен белгілі мекенжайға бағыттады.",
        0.95,
        OONI_FINGERPRINTS,
        "an address, or alias, that fingerprints know for block pages and that no control got",
        artefact=True,
    ),
    Rule(
        "http_blockpage",
        _BLOCKED,
        "http.blockpage",
        lambda f: f.blockpage == "known",
        "A known block page was shown in place of {host}.",
        "Вместо {host} показана известная страница-заглушка.",
        "{host} орнына белгілі бұғаттау беті көрсетілді.",
        1.0,
        OONI_FINGERPRINTS,
        "known block page in cleartext or behind a cleartext redirect, that the control does not see",
        artefact=True,
    ),
    # --- without these nothing below can be said
    Rule(
        "no_control",
        _INCONCLUSIVE,
        None,
        lambda f: not f.has_control,
        "{host} did not open as expected, but there is no control measurement to compare with.",
        "{host} не открылся так, как ожидалось, но сравнить не с чем: контрольного измерения нет.",
        "{host} күткендей ашылмады, бірақ салыстыруға бақылау өлшеуі жоқ.",
        0.0,
        OWN,
        "no control of the same URL within 10 minutes that was fit to measure",
    ),
    Rule(
        "resolver_not_asked",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns == "not_measured",
        "The network's own resolver was not asked about {host}.",
        "DNS-сервер самой сети о {host} не спрашивали.",
        "Желінің өз DNS-серверінен {host} туралы сұралмады.",
        0.0,
        OWN,
        "no answer of the network's own resolver for the host, nor one of the device's that leads to the site",
    ),
    # --- down for everybody
    Rule(
        "dns_blockpage_vague",
        _BLOCKED,
        "dns.injection.blockpage",
        lambda f: (f.dns in DNS_ODD or f.hijacked) and _notice(f) and (f.page == "differs" or f.is_ghost),
        "The network's resolver sent {host} to an address of its own, where a notice of blocking was shown.",
        "DNS-сервер сети дал для {host} другой адрес, и по нему показано уведомление об ограничении доступа.",
        "Желінің DNS-сервері {host} атауын басқа мекенжайға бағыттады, онда шектеу туралы хабарлама көрсетілді.",
        0.8,
        OONI_FINGERPRINTS,
        "a notice that names an order or a law at an address that no control got, and another page than the control's "
        "or no such name; not with a status of 400 or more",
    ),
    Rule(
        "dns_ghost_forged",
        _BLOCKED,
        "dns.injection.other",
        lambda f: f.is_ghost and f.hijacked,
        "The name {host} no longer exists, yet this network forges an answer for it: a block that outlived its site.",
        "Имени {host} больше не существует, но эта сеть подделывает ответ на запрос о нём: ограничение пережило сайт.",
        "{host} атауы енді жоқ, бірақ бұл желі ол үшін жалған жауап береді: сайт жойылса да, шектеу қалған.",
        0.8,
        OONI_LTE,
        "the network's resolver and a public one give the same address for a name that no control resolves; note "
        "`ghost_block`",
    ),
    Rule(
        "down_name",
        _DOWN,
        None,
        lambda f: f.dns in _DNS_FAILURES and f.dns_failing > 0 and f.dns_resolving == 0,
        "The name {host} resolves nowhere, from the control network neither.",
        "По имени {host} адрес не находится нигде, в том числе из контрольной сети.",
        "{host} атауы еш жерде, бақылау желісінде де табылмайды.",
        0.9,
        OONI_DATA,
        "the resolver fails, and no control resolves the name",
    ),
    Rule(
        "down_bogon",
        _DOWN,
        None,
        lambda f: f.dns == "bogon_alike",
        "The name {host} points to an address that cannot exist on the internet, from the control network too.",
        "Имя {host} указывает на адрес, которого не может быть в интернете; из контрольной сети то же самое.",
        "{host} атауы интернетте болуы мүмкін емес мекенжайды көрсетеді, бақылау желісінде де солай.",
        0.9,
        OONI_DATA,
        "only bogons, which a control got too",
    ),
    Rule(
        "down_ghost",
        _DOWN,
        None,
        lambda f: f.is_ghost,
        "The name {host} no longer exists, yet this network still answers for it: a block that outlived its site.",
        "Имени {host} больше не существует, но эта сеть всё ещё отвечает на запрос о нём: ограничение пережило сайт.",
        "{host} атауы енді жоқ, бірақ бұл желі ол үшін әлі жауап береді: сайт жойылса да, шектеу қалған.",
        0.75,
        OONI_LTE,
        "the resolver answers oddly for a name that no control resolves; note `ghost_block`",
        notes=("ghost_block",),
    ),
    Rule(
        "down_alike",
        _DOWN,
        None,
        lambda f: f.step in ("tcp", "tls", "http") and f.pair == "failed_alike",
        "{host} failed in the same way from the control network: the site itself is down.",
        "Из контрольной сети {host} не открылся точно так же: не работает сам сайт.",
        "{host} бақылау желісінен де дәл солай ашылмады: сайттың өзі жұмыс істемейді.",
        0.8,
        OONI_LTE,
        "the controls failed at the same step",
    ),
    # --- names
    Rule(
        "dns_nxdomain",
        _BLOCKED,
        "dns.nxdomain",
        _resolver("nxdomain"),
        "The network's resolver says that {host} does not exist; others resolve it.",
        "DNS-сервер сети утверждает, что имени {host} не существует; другие DNS-серверы его находят.",
        "Желінің DNS-сервері {host} атауы жоқ дейді; басқа DNS-серверлер оны табады.",
        0.9,
        OONI_DATA,
        "NXDOMAIN while ≥ 2 controls resolve",
    ),
    Rule(
        "dns_servfail",
        _BLOCKED,
        "dns.servfail",
        _resolver("servfail"),
        "The network's resolver reports a failure for {host}; others resolve it.",
        "На запрос о {host} DNS-сервер сети сообщает о сбое; другие DNS-серверы это имя находят.",
        "Желінің DNS-сервері {host} туралы сұрауға ақау деп жауап береді; басқа DNS-серверлер бұл атауды табады.",
        0.9,
        OONI_DATA,
        "SERVFAIL while ≥ 2 controls resolve",
    ),
    Rule(
        "dns_refused",
        _BLOCKED,
        "dns.refused",
        _resolver("refused"),
        "The network's resolver refuses to answer for {host}; others resolve it.",
        "DNS-сервер сети отказывается отвечать на запрос о {host}; другие DNS-серверы это имя находят.",
        "Желінің DNS-сервері {host} туралы сұрауға жауап беруден бас тартады; басқа DNS-серверлер бұл атауды табады.",
        0.9,
        OONI_DATA,
        "REFUSED while ≥ 2 controls resolve",
    ),
    Rule(
        "dns_timeout",
        _BLOCKED,
        "dns.timeout",
        _resolver("timeout"),
        "The network's resolver does not answer for {host}; others resolve it.",
        "DNS-сервер сети не отвечает на запрос о {host}; другие DNS-серверы это имя находят.",
        "Желінің DNS-сервері {host} туралы сұрауға жауап бермейді; басқа DNS-серверлер бұл атауды табады.",
        0.8,
        OONI_DATA,
        "no reply while ≥ 2 controls resolve",
    ),
    Rule(
        "dns_no_answer",
        _BLOCKED,
        "dns.no_answer",
        _resolver("no_answer"),
        "The network's resolver gives no address for {host}; others do.",
        "DNS-сервер сети не даёт адреса для {host}; другие DNS-серверы дают.",
        "Желінің DNS-сервері {host} үшін мекенжай бермейді; басқа DNS-серверлер береді.",
        0.8,
        OONI_DATA,
        "an empty answer while ≥ 2 controls resolve",
    ),
    Rule(
        "dns_bogon",
        _BLOCKED,
        "dns.injection.bogon",
        lambda f: f.dns == "bogon" and not f.dns_local,
        "The network's resolver sends {host} to an address that cannot exist on the internet.",
        "DNS-сервер сети даёт для {host} адрес, которого не может быть в интернете.",
        "Желінің DNS-сервері {host} үшін интернетте болуы мүмкін емес мекенжай береді.",
        0.95,
        OONI_DATA,
        "only bogons, which no control got, and not only 0.0.0.0 or loopback",
        artefact=True,
    ),
    Rule(
        "dns_bogon_local",
        _BLOCKED,
        "dns.injection.bogon",
        lambda f: f.dns == "bogon",
        "For {host} the resolver names the device itself or nobody at all; others name a server.",
        "Для {host} DNS-сервер называет само устройство или нулевой адрес; другие называют сервер.",
        "{host} үшін DNS-сервер құрылғының өзін не нөлдік мекенжайды көрсетеді; басқалары серверді көрсетеді.",
        0.75,
        OONI_DATA,
        "only 0.0.0.0 or loopback, which no control got; no artefact, because filters at home answer so too",
    ),
    Rule(
        "dns_two_replies",
        _BLOCKED,
        "dns.injection.other",
        lambda f: f.dns == "two_replies" and f.dns_resolving > 0,
        "One question about {host} got two contradicting replies: the first was forged on the way.",
        "На один запрос о {host} пришли два противоречащих друг другу ответа: первый подделан по пути.",
        "{host} туралы бір сұрауға бір-біріне қайшы екі жауап келді: біріншісі жолда қолдан жасалған.",
        0.9,
        CENSORED_PLANET,
        "two replies to one query with no address in common, the first unconfirmed: of another network (AS), or with "
        "another's certificate",
    ),
    Rule(
        "dns_answer_refuted",
        _BLOCKED,
        "dns.injection.other",
        lambda f: f.dns == "unmatched_refuted" and f.dns_resolved_by_controls and f.pair == "not_measured",
        "The network's resolver sends {host} to an address where some other server lives.",
        "DNS-сервер сети даёт для {host} адрес, по которому находится чужой сервер.",
        "Желінің DNS-сервері {host} үшін бөтен сервердің мекенжайын береді.",
        0.9,
        OONI_DATA,
        "an address no control got, with a certificate of another's, or where a control's handshake failed; not where "
        "it only timed out for both, and not by a certificate's dates",
    ),
    Rule(
        "dns_answer_unchecked",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns in ("unmatched_refuted", "unmatched_unchecked") and f.blockpage in ("none", "words"),
        "The network's resolver gives another address for {host}; whether it is the site's own is not known.",
        "DNS-сервер сети даёт для {host} другой адрес; принадлежит ли он сайту, неизвестно.",
        "Желінің DNS-сервері {host} үшін басқа мекенжай береді; оның сайтқа тиесілі екені белгісіз.",
        0.0,
        OWN,
        "an address no control got, and nothing tells whose it is",
    ),
    # --- what the second look took back
    Rule(
        "not_repeated",
        _INCONCLUSIVE,
        None,
        lambda f: (
            f.dns_trusted
            and f.step in ("tcp", "tls", "http")
            and f.failure != "certificate"
            and f.repeated == "succeeded"
        ),
        "{host} did not open, but did when we tried again: the failure did not repeat.",
        "{host} не открылся, но при повторной проверке открылся: сбой не повторился.",
        "{host} ашылмады, бірақ қайта тексергенде ашылды: ақау қайталанбады.",
        0.0,
        CENSORED_PLANET,
        "in the second look, at least half of the repetitions of the step that failed succeeded; a handshake with the "
        "name that succeeded at another hop, or beside the page, is one of them",
    ),
    Rule(
        "line_failed",
        _INCONCLUSIVE,
        None,
        lambda f: f.step in ("tcp", "tls", "http") and f.line == "dead",
        "{host} did not open, and neither did a name that opens everywhere: the line had failed.",
        "{host} не открылся, как и сайт, который открывается везде: не работало само подключение.",
        "{host} ашылмады, барлық жерде ашылатын сайт та ашылмады: байланыстың өзі істемей тұрған.",
        0.0,
        CENSORED_PLANET,
        "in the second look, the neutral name failed at its own address, and no other name was answered",
    ),
    # --- connections
    Rule(
        "tcp_timeout",
        _BLOCKED,
        "tcp.timeout",
        _failed("tcp", "timeout"),
        "The address of {host} does not answer from this network; from the control network it does.",
        "Из этой сети адрес {host} не отвечает, а из контрольной сети отвечает.",
        "{host} мекенжайы бұл желіден жауап бермейді; бақылау желісінен жауап береді.",
        0.75,
        OONI_DATA,
        "connect timed out; the control connects to that address",
    ),
    Rule(
        "tcp_reset",
        _BLOCKED,
        "tcp.reset",
        _failed("tcp", "reset"),
        "The connection to {host} is cut while it is being made; from the control network it is not.",
        "Соединение с {host} обрывается при установке, а из контрольной сети устанавливается.",
        "{host} сайтымен байланыс орнатылу кезінде үзіледі; бақылау желісінен үзілмейді.",
        0.75,
        OONI_DATA,
        "connect was reset; the control connects to that address",
    ),
    Rule(
        "tcp_refused",
        _BLOCKED,
        "tcp.refused",
        _failed("tcp", "refused"),
        "The connection to {host} is refused from this network; from the control network it is accepted.",
        "Соединение с {host} из этой сети отклоняется, а из контрольной сети принимается.",
        "{host} сайтымен байланыс бұл желіден қабылданбайды; бақылау желісінен қабылданады.",
        0.75,
        OONI_DATA,
        "connect was refused; the control connects to that address",
    ),
    Rule(
        "ip_unreachable",
        _BLOCKED,
        "ip.unreachable",
        _failed("tcp", "unreachable"),
        "This network reports no way to the address of {host}; the control network has one.",
        "Сеть сообщает, что пути к адресу {host} нет, а из контрольной сети он есть.",
        "Бұл желі {host} мекенжайына жол жоқ дейді; бақылау желісінде жол бар.",
        0.75,
        OONI_DATA,
        "host or network unreachable (IPv4); the control connects to that address",
    ),
    # --- TLS
    Rule(
        "tls_certificate_ours",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns_trusted and f.step == "tls" and f.failure == "certificate" and f.leaf == "same",
        "{host} showed the control's own certificate and our probe refused it: our clock or trust store is at fault.",
        "{host} показал тот же сертификат, что и контрольной сети, но наша точка проверки его отвергла: дело в "
        "наших часах или в нашем списке доверенных центров.",
        "{host} бақылау желісіне көрсеткен сертификатын көрсетті, бірақ біздің тексеру нүктеміз оны қабылдамады: "
        "кінә біздің сағатта немесе сенімді орталықтар тізімінде.",
        0.0,
        OWN,
        "a refused certificate that is the control's own",
    ),
    Rule(
        "page_unfinished",
        _INCONCLUSIVE,
        None,
        lambda f: _failed("http", "timeout")(f) and f.begun and f.flowing and f.throttle == "not_measured",
        "The page of {host} was coming and did not end in time; so it is on a slow line too.",
        "Страница {host} загружалась, но не успела; так бывает и при медленном подключении.",
        "{host} беті жүктеліп жатты, бірақ үлгермеді; баяу байланыста да солай болады.",
        0.0,
        OWN,
        "the response timed out after at least 16 KiB of it; no neutral name's page to compare",
    ),
    Rule(
        "page_stalled",
        _BLOCKED,
        lambda f: "tls" if f.hop_secure else "http",
        lambda f: _failed("http", "timeout")(f) and f.begun and f.throttle == "not_measured",
        "The page of {host} began to come and did not end in time; the control got it whole.",
        "Страница {host} начала загружаться и не загрузилась за отведённое время, а из контрольной сети "
        "загрузилась целиком.",
        "{host} беті жүктеле бастап, белгіленген уақытта жүктеліп бітпеді, ал бақылау желісінен толық жүктелді.",
        0.5,
        OONI_LTE,
        "the response began and timed out before 16 KiB of it came, the control's ended; no second look tells whether "
        "it was slowed down",
        mechanisms=("tls", "http"),
    ),
    Rule(
        "secured_then_cut",
        _BLOCKED,
        lambda f: f"http.{f.failure}",
        lambda f: f.hop_secure and (_failed("http", "reset")(f) or _failed("http", "timeout")(f)),
        "{host} proved itself by its certificate; then the connection was cut or fell silent. The control's did not.",
        "{host} подтвердил себя сертификатом, после чего соединение оборвалось или ответа не последовало; из "
        "контрольной сети такого не было.",
        "{host} өзін сертификатпен растады, содан кейін байланыс үзілді немесе жауап болмады; бақылау желісінде "
        "олай болған жоқ.",
        0.6,
        OONI_LTE,
        "after a valid handshake the request was reset or never answered; the control's was answered",
        mechanisms=("http.reset", "http.timeout"),
    ),
    Rule(
        "tls_reset_sni",
        _BLOCKED,
        "tls.reset.sni",
        _failed_by_name("reset"),
        "The connection was cut when we named {host}; with another name the same address answered.",
        "Когда мы назвали имя {host}, соединение оборвалось; на другое имя тот же адрес ответил.",
        "{host} атауын айтқанда байланыс үзілді; басқа атаумен сол мекенжай жауап берді.",
        0.95,
        OONI_TS024,
        "reset in the handshake and each time again, control fine on the same address and name, another name answered",
    ),
    Rule(
        "tls_timeout_sni",
        _BLOCKED,
        "tls.timeout.sni",
        _failed_by_name("timeout"),
        "Silence followed when we named {host}; with another name the same address answered.",
        "Когда мы назвали имя {host}, ответа не последовало; на другое имя тот же адрес ответил.",
        "{host} атауын айтқанда жауап болмады; басқа атаумен сол мекенжай жауап берді.",
        0.95,
        OONI_KZ_2024,
        "timeout in the handshake and each time again, control fine on the same address and name, another name "
        "answered",
    ),
    Rule(
        "tls_eof_sni",
        _BLOCKED,
        "tls.eof.sni",
        _failed_by_name("eof"),
        "The connection was closed when we named {host}; with another name the same address answered.",
        "Когда мы назвали имя {host}, соединение закрылось; на другое имя тот же адрес ответил.",
        "{host} атауын айтқанда байланыс жабылды; басқа атаумен сол мекенжай жауап берді.",
        0.9,
        OONI_TS024,
        "closed in the handshake and each time again, control fine on the same address and name, another name answered",
    ),
    Rule(
        "tls_reset",
        _BLOCKED,
        "tls.reset",
        _failed("tls", "reset"),
        "The secure connection to {host} was cut; the control's, to the same address, was not.",
        "Защищённое соединение с {host} оборвалось, а из контрольной сети с тем же адресом не оборвалось.",
        "{host} сайтымен қорғалған байланыс үзілді, ал бақылау желісінен сол мекенжаймен байланыс үзілген жоқ.",
        0.8,
        OONI_DATA,
        "reset in the handshake, control fine on the same address and name; no other name answered, or the "
        "repetitions were not made or did not all fail",
    ),
    Rule(
        "tls_timeout",
        _BLOCKED,
        "tls.timeout",
        _failed("tls", "timeout"),
        "The secure connection to {host} got no answer; the control's, to the same address, did.",
        "Защищённое соединение с {host} осталось без ответа, а контрольной сети тот же адрес ответил.",
        "{host} сайтымен қорғалған байланысқа жауап болмады, ал бақылау желісіне сол мекенжай жауап берді.",
        0.7,
        OONI_KZ_2024,
        "timeout in the handshake, control fine on the same address and name; no other name answered, or the "
        "repetitions were not made or did not all fail",
    ),
    Rule(
        "tls_eof",
        _BLOCKED,
        "tls.eof",
        _failed("tls", "eof"),
        "The secure connection to {host} was closed before it began; the control's, to the same address, was not.",
        "Защищённое соединение с {host} закрылось, не начавшись, а из контрольной сети с тем же адресом не закрылось.",
        "{host} сайтымен қорғалған байланыс басталмай жабылды, ал бақылау желісінен сол мекенжаймен байланыс "
        "жабылған жоқ.",
        0.7,
        OONI_DATA,
        "closed in the handshake, control fine on the same address and name; no other name answered, or the "
        "repetitions were not made or did not all fail",
    ),
    Rule(
        "tls_certificate_dated",
        _INCONCLUSIVE,
        None,
        lambda f: _failed("tls", "certificate")(f) and f.refused == "dates" and not f.self_signed,
        "By our clock the certificate of {host} is out of date, the control's is valid: an old copy, or our clock.",
        "Сертификат {host} по нашим часам просрочен, а в контрольной сети действителен: старая копия или наши часы.",
        "{host} сертификатының мерзімі сағатымыз бойынша өткен, бақылауда жарамды: көшірме ескі не сағат қате.",
        0.0,
        OWN,
        "a certificate whose dates alone are wrong for us, of no known interceptor and not signed by itself; the "
        "control was content with its own",
    ),
    Rule(
        "tls_foreign_certificate",
        _BLOCKED,
        lambda f: "tls.mitm.self_signed" if f.self_signed else "tls.mitm",
        lambda f: _failed("tls", "certificate")(f) and f.leaf == "other",
        "Somebody else's certificate was shown for {host}; the control, on the same address, got the valid one.",
        "Вместо сертификата {host} показан чужой; контрольной сети тот же адрес показал действительный.",
        "{host} үшін бөтен сертификат көрсетілді; бақылау желісіне сол мекенжай жарамдысын көрсетті.",
        0.9,
        OONI_DATA,
        "a refused certificate that is not the control's, on the same address",
        mechanisms=("tls.mitm", "tls.mitm.self_signed"),
    ),
    Rule(
        "tls_certificate_refused",
        _BLOCKED,
        lambda f: "tls.mitm.self_signed" if f.self_signed else "tls.mitm",
        lambda f: _failed("tls", "certificate")(f) and f.leaf == "not_measured",
        "The certificate that was shown for {host} is not valid; the control, on the same address, got a valid one.",
        "Показанный для {host} сертификат недействителен; контрольной сети тот же адрес показал действительный.",
        "{host} үшін көрсетілген сертификат жарамсыз; бақылау желісіне сол мекенжай жарамдысын көрсетті.",
        0.8,
        OONI_DATA,
        "a certificate of an unknown authority or for another name, where a control that does not tell which one "
        "it got was content",
        mechanisms=("tls.mitm", "tls.mitm.self_signed"),
    ),
    # --- cleartext HTTP
    Rule(
        "http_reset",
        _BLOCKED,
        lambda f: "http.reset.host" if f.swap == "answered" and f.repeated == "failed" else "http.reset",
        _cleartext("reset"),
        "The connection was cut when we asked for the page of {host}; the control got it.",
        "Соединение оборвалось, когда мы запросили страницу {host}; из контрольной сети она получена.",
        "{host} бетін сұрағанда байланыс үзілді; бақылау желісі бетті алды.",
        0.8,
        OONI_LTE,
        "cleartext request was reset; the control's was answered",
        mechanisms=("http.reset", "http.reset.host"),
    ),
    Rule(
        "http_timeout",
        _BLOCKED,
        "http.timeout",
        _cleartext("timeout"),
        "Our request for the page of {host} got no answer; the control's did.",
        "Запрос страницы {host} остался без ответа; на запрос из контрольной сети ответ пришёл.",
        "{host} бетін сұрауға жауап болмады; бақылау желісінің сұрауына жауап келді.",
        0.7,
        OONI_LTE,
        "cleartext request was not answered; the control's was",
    ),
    Rule(
        "http_eof",
        _BLOCKED,
        "http.eof",
        _cleartext("eof"),
        "The connection was closed when we asked for the page of {host}; the control got it.",
        "Соединение закрылось, когда мы запросили страницу {host}; из контрольной сети она получена.",
        "{host} бетін сұрағанда байланыс жабылды; бақылау желісі бетті алды.",
        0.7,
        OONI_LTE,
        "cleartext connection closed after the request; the control's was answered",
    ),
    Rule(
        "http_blockpage_vague",
        _BLOCKED,
        "http.blockpage",
        lambda f: _notice(f) and f.page == "differs",
        "{host} showed another page than to the control, with words that block pages use.",
        "{host} показал не ту страницу, что контрольной сети, и на ней слова, обычные для страниц-заглушек.",
        "{host} бақылау желісіне көрсеткеннен басқа бетті көрсетті, онда бұғаттау беттеріне тән сөздер бар.",
        0.6,
        OONI_FINGERPRINTS,
        "other page than the control's, with a notice that names an order or a law, or a page of those who filter (no "
        "artefact); not with a status of 400 or more",
    ),
    # --- what remains unknown, each by its reason
    Rule(
        "redirect_elsewhere",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "elsewhere",
        "An unprotected redirect led to {host}, where the control was not sent.",
        "Незащищённое перенаправление привело на {host}, а контрольную сеть туда не перенаправляли.",
        "Қорғалмаған қайта бағыттау {host} сайтына апарды, ал бақылау желісі онда бағытталмаған.",
        0.0,
        OWN,
        "a cleartext redirect to another site, to which no control was sent",
    ),
    Rule(
        "http_page_differs",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "cleartext" and f.page == "differs",
        "{host} showed another page than to the control; that alone proves nothing.",
        "{host} показал не ту страницу, что контрольной сети; само по себе это ничего не доказывает.",
        "{host} бақылау желісіне көрсеткеннен басқа бетті көрсетті; мұның өзі ештеңені дәлелдемейді.",
        0.0,
        OONI_TS017,
        "other page than the control's, nothing more",
    ),
    Rule(
        "http_page_doubtful",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "cleartext" and f.page in ("same", "alike"),
        "The page of {host} resembles the control's, but so might a notice of blocking.",
        "Страница {host} похожа на контрольную, но так могло бы выглядеть и уведомление об ограничении.",
        "{host} беті бақылаудағыға ұқсайды, бірақ шектеу туралы хабарлама да сондай көрінуі мүмкін.",
        0.0,
        OWN,
        "like the control's in title, length or a header only, with words that notices use or at an address that is "
        "not known to be the site's",
    ),
    Rule(
        "page_not_compared",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "cleartext" and f.page == "not_measured",
        "{host} showed a page without protection, and the control got none to compare it with.",
        "{host} показал страницу без защиты, а из контрольной сети не получено страницы для сравнения.",
        "{host} қорғалмаған бетті көрсетті, ал бақылау желісінен салыстыратын бет алынбады.",
        0.0,
        OWN,
        "a cleartext page, and the control got none",
    ),
    Rule(
        "dns_too_few_controls",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns in _DNS_FAILURES and not f.dns_resolved_by_controls,
        "The network's resolver does not resolve {host}, but too few controls agree on whether it should.",
        "DNS-сервер сети не находит {host}, но слишком мало контрольных измерений подтверждает, что это имя находится.",
        "Желінің DNS-сервері {host} атауын таппайды, бірақ оның табылатынын растайтын бақылау өлшеуі тым аз.",
        0.0,
        OWN,
        "the resolver fails, and fewer than two controls, or no majority, resolve",
    ),
    Rule(
        "control_split",
        _INCONCLUSIVE,
        None,
        lambda f: f.pair == "split",
        "{host} failed here, and the controls contradict each other.",
        "{host} здесь не открылся, а контрольные измерения противоречат друг другу.",
        "{host} мұнда ашылмады, ал бақылау өлшеулері бір-біріне қайшы.",
        0.0,
        OWN,
        "as many controls succeeded as failed",
    ),
    Rule(
        "control_failed_otherwise",
        _INCONCLUSIVE,
        None,
        lambda f: f.pair == "failed_otherwise",
        "{host} failed here in one way and for the control in another.",
        "{host} здесь не открылся по одной причине, а из контрольной сети по другой.",
        "{host} мұнда бір себептен, ал бақылау желісінде басқа себептен ашылмады.",
        0.0,
        OWN,
        "the controls failed, but differently (a certificate against a cut)",
    ),
    Rule(
        "control_not_paired",
        _INCONCLUSIVE,
        None,
        lambda f: f.step in ("tcp", "tls", "http") and f.pair == "not_measured",
        "{host} failed here, but no control tried the same address and name.",
        "{host} здесь не открылся, но из контрольной сети тот же адрес с тем же именем не проверялся.",
        "{host} мұнда ашылмады, бірақ бақылау желісінен дәл сол мекенжай мен атау тексерілмеген.",
        0.0,
        OWN,
        "no control tried that address and server name",
    ),
    Rule(
        "unexplained",
        _INCONCLUSIVE,
        None,
        lambda f: True,
        "What happened to {host} fits none of our rules.",
        "То, что произошло с {host}, не подходит ни под одно наше правило.",
        "{host} сайтымен болған жағдай біздің ешбір ережемізге сай келмейді.",
        0.0,
        OWN,
        "nothing above matched",
    ),
)

# What this code can judge by. RULESET is the newest; which one public states rest on, the register decides.
RULESETS: dict[str, tuple[Rule, ...]] = {RULESET: RULES}
BY_ID = {rule.id: rule for rules in RULESETS.values() for rule in rules}
RETIRED: frozenset[str] = frozenset()  # ids of former rules: old verdicts name them, no other rule may


def server_side(facts: Facts) -> bool:
    """The server itself turned the visitor away: a country ban of its own, or a challenge."""
    return facts.step == "response" and facts.status in CHALLENGES
