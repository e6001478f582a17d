"""The rules, as data: the first match decides. Ids are published and never change their meaning.

`docs/rules.md` lists them for readers. To change a rule, add another to a new tuple of rules, enter that in RULESETS
beside the one before, and raise RULESET: two can be applied until everything is judged anew. The order and
the thresholds follow research on OONI's pipelines; weights are its rule weights (ooni/data, rules.py).
Sentences say what was observed on a network, never that somebody ordered it; {host} is the failed hop's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from checks.verdict.facts import CHALLENGES, DNS_ODD, Dns, Facts, FailureClass, Step

RULESET = "2026-11"

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
    """`mechanism` is the deepest node of the taxonomy that the facts support; `weight` 0-1 is its certainty."""

    id: str
    verdict: Verdict
    mechanism: str | Callable[[Facts], str] | None
    predicate: Callable[[Facts], bool]
    sentence_en: str
    sentence_ru: str
    sentence_kk: str
    weight: float
    source: str
    artefact: bool = False  # only a censor shows this
    notes: tuple[str, ...] = ()

    def mechanism_of(self, facts: Facts) -> str | None:
        return self.mechanism(facts) if callable(self.mechanism) else self.mechanism


def _resolver(dns: Dns) -> Callable[[Facts], bool]:
    return lambda f: f.dns == dns and f.dns_resolved_by_controls


def _failed(step: Step, failure: FailureClass) -> Callable[[Facts], bool]:
    """It failed so, on an address that is the site's own, where the control succeeded."""
    return lambda f: f.dns_trusted and f.step == step and f.failure == failure and f.pair == "ok"


def _failed_by_name(failure: FailureClass) -> Callable[[Facts], bool]:
    failed = _failed("tls", failure)
    return lambda f: failed(f) and f.swap == "answered"


def _cleartext(failure: FailureClass) -> Callable[[Facts], bool]:
    failed = _failed("http", failure)
    return lambda f: failed(f) and not f.hop_secure


def _notice(facts: Facts) -> bool:
    """Words that notices of blocking use, and no status with which servers turn visitors away themselves."""
    return facts.blockpage == "vague" and facts.status not in CHALLENGES


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
    ),
    Rule(
        "probe_failed",
        _INCONCLUSIVE,
        None,
        lambda f: f.probe == "failed",
        "Our own probe failed or ran out of time; this says nothing about {host}.",
        "Сбой или нехватка времени на нашей точке проверки; о {host} это ничего не говорит.",
        "Біздің тексеру нүктеміз істен шықты немесе уақыты жетпеді; бұл {host} туралы ештеңе білдірмейді.",
        0.0,
        OWN,
    ),
    # --- pages that load
    Rule(
        "tls_throttled",
        _BLOCKED,
        "tls.throttle.sni",
        lambda f: f.throttle == "slow_control_fast" and f.slowed == "handshake",
        "Connecting to {host} took at least five times as long as to another name on the same address.",
        "Соединение с {host} устанавливалось не менее чем в пять раз дольше, чем с другим именем на том же адресе.",
        "{host} сайтына қосылу сол мекенжайдағы басқа атауға қосылудан кемінде бес есе ұзақ болды.",
        0.75,
        OONI_KZ_2023,
    ),
    Rule(
        "page_throttled",
        _BLOCKED,
        lambda f: "tls.throttle.sni" if f.hop_secure else "http.throttle.host",
        lambda f: f.throttle == "slow_control_fast" and f.slowed == "page",
        "The page of {host} came at least five times as slowly as another name's from the same address.",
        "Страница {host} загружалась не менее чем в пять раз медленнее, чем страница другого имени с того же адреса.",
        "{host} беті сол мекенжайдағы басқа атаудың бетінен кемінде бес есе баяу жүктелді.",
        0.75,
        OONI_KZ_2023,
    ),
    Rule(
        "tls_slow_no_control",
        _INCONCLUSIVE,
        None,
        lambda f: f.throttle == "slow_no_control",
        "{host} answered very slowly, but no control measurement tells whether the site itself is slow.",
        "{host} отвечал очень медленно, но без контрольного измерения неизвестно, не сам ли сайт медленный.",
        "{host} өте баяу жауап берді, бірақ бақылау өлшеуінсіз сайттың өзі баяу ма, белгісіз.",
        0.0,
        OWN,
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
    ),
    Rule(
        "http_same_page",
        _ACCESSIBLE,
        None,
        lambda f: f.response == "cleartext" and f.page == "same" and f.blockpage != "known",
        "{host} showed the same page as from the control network.",
        "{host} показал ту же страницу, что и из контрольной сети.",
        "{host} бақылау желісіндегідей бетті көрсетті.",
        0.9,
        OONI_TS017,
    ),
    # --- artefacts: need no control
    Rule(
        "tls_interception_ca",
        _BLOCKED,
        "tls.mitm.ca_signed",
        lambda f: f.interception,
        "The connection to {host} was intercepted: its certificate came from a known interception authority.",
        "Соединение с {host} было перехвачено: сертификат выдан известным центром перехвата.",
        "{host} сайтымен байланыс ұстап алынды: сертификатты белгілі ұстап алу орталығы берген.",
        1.0,
        CENSORED_PLANET,
        artefact=True,
    ),
    Rule(
        "dns_blockpage",
        _BLOCKED,
        "dns.injection.blockpage",
        lambda f: f.blockpage == "known" and (f.dns in DNS_ODD or f.hijacked),
        "The network's resolver sent {host} to a known block page.",
        "DNS-сервер сети направил {host} на известную страницу-заглушку.",
        "Желінің DNS-сервері {host} атауын белгілі бұғаттау бетіне бағыттады.",
        1.0,
        OONI_FINGERPRINTS,
        artefact=True,
    ),
    Rule(
        "dns_known_address",
        _BLOCKED,
        "dns.injection.blockpage",
        lambda f: f.dns in DNS_ODD and f.dns_known_address,
        "The network's resolver sent {host} to an address that is known for block pages.",
        "DNS-сервер сети направил {host} на адрес, известный страницами-заглушками.",
        "Желінің DNS-сервері {host} атауын бұғаттау беттерімен белгілі мекенжайға бағыттады.",
        0.95,
        OONI_FINGERPRINTS,
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
        artefact=True,
    ),
    # --- without these nothing below can be said
    Rule(
        "no_control",
        _INCONCLUSIVE,
        None,
        lambda f: not f.has_control,
        "{host} did not open as expected, but there is no control measurement to compare with.",
        "{host} не открылся как ожидалось, но контрольного измерения для сравнения нет.",
        "{host} күткендей ашылмады, бірақ салыстыратын бақылау өлшеуі жоқ.",
        0.0,
        OWN,
    ),
    Rule(
        "resolver_not_asked",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns == "not_measured",
        "The network's own resolver was not asked about {host}.",
        "DNS-сервер самой сети не был опрошен о {host}.",
        "Желінің өз DNS-серверінен {host} туралы сұралмады.",
        0.0,
        OWN,
    ),
    # --- down for everybody
    Rule(
        "dns_blockpage_vague",
        _BLOCKED,
        "dns.injection.blockpage",
        lambda f: (f.dns in DNS_ODD or f.hijacked) and _notice(f) and (f.page == "differs" or f.is_ghost),
        "The network's resolver sent {host} to an address of its own, where a notice of blocking was shown.",
        "DNS-сервер сети направил {host} на другой адрес, где показано уведомление об ограничении.",
        "Желінің DNS-сервері {host} атауын басқа мекенжайға бағыттады, онда шектеу туралы хабарлама көрсетілді.",
        0.8,
        OONI_FINGERPRINTS,
    ),
    Rule(
        "dns_ghost_forged",
        _BLOCKED,
        "dns.injection.other",
        lambda f: f.is_ghost and f.hijacked,
        "The name {host} no longer exists, yet this network forges an answer for it: a block that outlived its site.",
        "Имени {host} больше нет, но эта сеть подделывает для него ответ: ограничение пережило сайт.",
        "{host} атауы енді жоқ, бірақ бұл желі ол үшін жалған жауап береді: сайт жойылса да, шектеу қалған.",
        0.8,
        OONI_LTE,
    ),
    Rule(
        "down_name",
        _DOWN,
        None,
        lambda f: f.dns in _DNS_FAILURES and f.dns_failing > 0 and f.dns_resolving == 0,
        "The name {host} resolves nowhere, from the control network neither.",
        "Имя {host} не разрешается нигде, в том числе из контрольной сети.",
        "{host} атауы еш жерде, бақылау желісінде де табылмайды.",
        0.9,
        OONI_DATA,
    ),
    Rule(
        "down_bogon",
        _DOWN,
        None,
        lambda f: f.dns == "bogon_alike",
        "The name {host} points to an address that cannot exist on the internet, from the control network too.",
        "Имя {host} указывает на адрес, которого не может быть в интернете, в том числе из контрольной сети.",
        "{host} атауы интернетте болуы мүмкін емес мекенжайды көрсетеді, бақылау желісінде де солай.",
        0.9,
        OONI_DATA,
    ),
    Rule(
        "down_ghost",
        _DOWN,
        None,
        lambda f: f.is_ghost,
        "The name {host} no longer exists, yet this network still answers for it: a block that outlived its site.",
        "Имени {host} больше нет, но эта сеть всё ещё отвечает за него: ограничение пережило сайт.",
        "{host} атауы енді жоқ, бірақ бұл желі ол үшін әлі жауап береді: сайт жойылса да, шектеу қалған.",
        0.75,
        OONI_LTE,
        notes=("ghost_block",),
    ),
    Rule(
        "down_alike",
        _DOWN,
        None,
        lambda f: f.step in ("tcp", "tls", "http") and f.pair == "failed_alike",
        "{host} failed in the same way from the control network: the site itself is down.",
        "{host} так же не открылся из контрольной сети: не работает сам сайт.",
        "{host} бақылау желісінен де дәл солай ашылмады: сайттың өзі жұмыс істемейді.",
        0.8,
        OONI_LTE,
    ),
    # --- names
    Rule(
        "dns_nxdomain",
        _BLOCKED,
        "dns.nxdomain",
        _resolver("nxdomain"),
        "The network's resolver says that {host} does not exist; others resolve it.",
        "DNS-сервер сети утверждает, что {host} не существует; другие его находят.",
        "Желінің DNS-сервері {host} жоқ дейді; басқалары оны табады.",
        0.9,
        OONI_DATA,
    ),
    Rule(
        "dns_servfail",
        _BLOCKED,
        "dns.servfail",
        _resolver("servfail"),
        "The network's resolver reports a failure for {host}; others resolve it.",
        "DNS-сервер сети сообщает о сбое для {host}; другие его находят.",
        "Желінің DNS-сервері {host} үшін ақау туралы хабарлайды; басқалары оны табады.",
        0.9,
        OONI_DATA,
    ),
    Rule(
        "dns_refused",
        _BLOCKED,
        "dns.refused",
        _resolver("refused"),
        "The network's resolver refuses to answer for {host}; others resolve it.",
        "DNS-сервер сети отказывается отвечать о {host}; другие его находят.",
        "Желінің DNS-сервері {host} туралы жауап беруден бас тартады; басқалары оны табады.",
        0.9,
        OONI_DATA,
    ),
    Rule(
        "dns_timeout",
        _BLOCKED,
        "dns.timeout",
        _resolver("timeout"),
        "The network's resolver does not answer for {host}; others resolve it.",
        "DNS-сервер сети не отвечает на запрос о {host}; другие его находят.",
        "Желінің DNS-сервері {host} туралы сұрауға жауап бермейді; басқалары оны табады.",
        0.8,
        OONI_DATA,
    ),
    Rule(
        "dns_no_answer",
        _BLOCKED,
        "dns.no_answer",
        _resolver("no_answer"),
        "The network's resolver gives no address for {host}; others do.",
        "DNS-сервер сети не даёт адреса для {host}; другие дают.",
        "Желінің DNS-сервері {host} үшін мекенжай бермейді; басқалары береді.",
        0.8,
        OONI_DATA,
    ),
    Rule(
        "dns_bogon",
        _BLOCKED,
        "dns.injection.bogon",
        lambda f: f.dns == "bogon",
        "The network's resolver sends {host} to an address that cannot exist on the internet.",
        "DNS-сервер сети направляет {host} на адрес, которого не может быть в интернете.",
        "Желінің DNS-сервері {host} атауын интернетте болуы мүмкін емес мекенжайға бағыттайды.",
        0.95,
        OONI_DATA,
        artefact=True,
    ),
    Rule(
        "dns_two_replies",
        _BLOCKED,
        "dns.injection.other",
        lambda f: f.dns == "two_replies" and f.dns_resolving > 0,
        "One question about {host} got two contradicting replies: the first was forged on the way.",
        "На один запрос о {host} пришли два противоречащих ответа: первый подделан в пути.",
        "{host} туралы бір сұрауға бір-біріне қайшы екі жауап келді: біріншісі жолда бұрмаланған.",
        0.9,
        CENSORED_PLANET,
    ),
    Rule(
        "dns_answer_refuted",
        _BLOCKED,
        "dns.injection.other",
        lambda f: f.dns == "unmatched_refuted" and f.dns_resolved_by_controls and f.pair == "not_measured",
        "The network's resolver sends {host} to an address where some other server lives.",
        "DNS-сервер сети направляет {host} на адрес, где находится чужой сервер.",
        "Желінің DNS-сервері {host} атауын бөтен сервердің мекенжайына бағыттайды.",
        0.9,
        OONI_DATA,
    ),
    Rule(
        "dns_answer_unchecked",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns in ("unmatched_refuted", "unmatched_unchecked") and f.blockpage == "none",
        "The network's resolver gives another address for {host}; whether it is the site's own is not known.",
        "DNS-сервер сети даёт для {host} другой адрес; принадлежит ли он сайту, неизвестно.",
        "Желінің DNS-сервері {host} үшін басқа мекенжай береді; оның сайтқа тиесілі екені белгісіз.",
        0.0,
        OWN,
    ),
    # --- connections
    Rule(
        "tcp_timeout",
        _BLOCKED,
        "tcp.timeout",
        _failed("tcp", "timeout"),
        "The address of {host} does not answer from this network; from the control network it does.",
        "Адрес {host} не отвечает из этой сети; из контрольной сети отвечает.",
        "{host} мекенжайы бұл желіден жауап бермейді; бақылау желісінен жауап береді.",
        0.75,
        OONI_DATA,
    ),
    Rule(
        "tcp_reset",
        _BLOCKED,
        "tcp.reset",
        _failed("tcp", "reset"),
        "The connection to {host} is cut while it is being made; from the control network it is not.",
        "Соединение с {host} обрывается при установке; из контрольной сети нет.",
        "{host} сайтымен байланыс орнатылу кезінде үзіледі; бақылау желісінен үзілмейді.",
        0.75,
        OONI_DATA,
    ),
    Rule(
        "tcp_refused",
        _BLOCKED,
        "tcp.refused",
        _failed("tcp", "refused"),
        "The connection to {host} is refused from this network; from the control network it is accepted.",
        "Соединение с {host} из этой сети отклоняется; из контрольной сети принимается.",
        "{host} сайтымен байланыс бұл желіден қабылданбайды; бақылау желісінен қабылданады.",
        0.75,
        OONI_DATA,
    ),
    Rule(
        "ip_unreachable",
        _BLOCKED,
        "ip.unreachable",
        _failed("tcp", "unreachable"),
        "This network reports no way to the address of {host}; the control network has one.",
        "Сеть сообщает, что пути к адресу {host} нет; у контрольной сети он есть.",
        "Бұл желі {host} мекенжайына жол жоқ дейді; бақылау желісінде жол бар.",
        0.75,
        OONI_DATA,
    ),
    # --- TLS
    Rule(
        "tls_certificate_ours",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns_trusted and f.step == "tls" and f.failure == "certificate" and f.leaf == "same",
        "{host} showed the control's own certificate and our probe refused it: our clock or trust store is at fault.",
        "{host} показал тот же сертификат, что и контролю, но наша точка его отвергла: дело в наших часах или списке "
        "доверия.",
        "{host} бақылаудағыдай сертификат көрсетті, бірақ біздің нүкте оны қабылдамады: кінә біздің сағатта немесе "
        "сенім тізімінде.",
        0.0,
        OWN,
    ),
    Rule(
        "page_stalled",
        _BLOCKED,
        lambda f: "tls.throttle" if f.hop_secure else "http.throttle",
        lambda f: _failed("http", "timeout")(f) and f.begun and f.throttle == "not_measured",
        "The page of {host} began to come and did not end in time; the control got it whole.",
        "Страница {host} начала загружаться и не загрузилась за отведённое время; контроль получил её целиком.",
        "{host} беті жүктеле бастап, белгіленген уақытта аяқталмады; бақылау оны толық алды.",
        0.65,
        OONI_LTE,
    ),
    Rule(
        "secured_then_cut",
        _BLOCKED,
        lambda f: f"http.{f.failure}",
        lambda f: f.hop_secure and (_failed("http", "reset")(f) or _failed("http", "timeout")(f)),
        "{host} proved itself by its certificate; then the connection was cut or fell silent. The control's did not.",
        "{host} подтвердил себя сертификатом, после чего соединение оборвалось или замолчало; у контроля нет.",
        "{host} өзін сертификатпен растады, содан кейін байланыс үзілді немесе үнсіз қалды; бақылауда олай болған жоқ.",
        0.6,
        OONI_LTE,
    ),
    Rule(
        "tls_reset_sni",
        _BLOCKED,
        "tls.reset.sni",
        _failed_by_name("reset"),
        "The connection was cut when we named {host}; with another name the same address answered.",
        "Соединение оборвалось, когда мы назвали {host}; с другим именем тот же адрес ответил.",
        "{host} атауын айтқанда байланыс үзілді; басқа атаумен сол мекенжай жауап берді.",
        0.95,
        OONI_TS024,
    ),
    Rule(
        "tls_timeout_sni",
        _BLOCKED,
        "tls.timeout.sni",
        _failed_by_name("timeout"),
        "Silence followed when we named {host}; with another name the same address answered.",
        "После того как мы назвали {host}, ответа не было; с другим именем тот же адрес ответил.",
        "{host} атауын айтқанда жауап болмады; басқа атаумен сол мекенжай жауап берді.",
        0.95,
        OONI_KZ_2024,
    ),
    Rule(
        "tls_eof_sni",
        _BLOCKED,
        "tls.eof.sni",
        _failed_by_name("eof"),
        "The connection was closed when we named {host}; with another name the same address answered.",
        "Соединение закрылось, когда мы назвали {host}; с другим именем тот же адрес ответил.",
        "{host} атауын айтқанда байланыс жабылды; басқа атаумен сол мекенжай жауап берді.",
        0.9,
        OONI_TS024,
    ),
    Rule(
        "tls_reset",
        _BLOCKED,
        "tls.reset",
        _failed("tls", "reset"),
        "The secure connection to {host} was cut; the control's, to the same address, was not.",
        "Защищённое соединение с {host} оборвалось; у контроля, с тем же адресом, нет.",
        "{host} сайтымен қорғалған байланыс үзілді; бақылаудың сол мекенжаймен байланысы үзілген жоқ.",
        0.8,
        OONI_DATA,
    ),
    Rule(
        "tls_timeout",
        _BLOCKED,
        "tls.timeout",
        _failed("tls", "timeout"),
        "The secure connection to {host} got no answer; the control's, to the same address, did.",
        "Защищённое соединение с {host} осталось без ответа; у контроля, с тем же адресом, ответ был.",
        "{host} сайтымен қорғалған байланысқа жауап болмады; бақылауға сол мекенжай жауап берді.",
        0.7,
        OONI_KZ_2024,
    ),
    Rule(
        "tls_eof",
        _BLOCKED,
        "tls.eof",
        _failed("tls", "eof"),
        "The secure connection to {host} was closed before it began; the control's, to the same address, was not.",
        "Защищённое соединение с {host} закрылось, не начавшись; у контроля, с тем же адресом, нет.",
        "{host} сайтымен қорғалған байланыс басталмай жабылды; бақылаудың сол мекенжаймен байланысы жабылған жоқ.",
        0.7,
        OONI_DATA,
    ),
    Rule(
        "tls_foreign_certificate",
        _BLOCKED,
        lambda f: "tls.mitm.self_signed" if f.self_signed else "tls.mitm",
        lambda f: _failed("tls", "certificate")(f) and f.leaf == "other",
        "Somebody else's certificate was shown for {host}; the control, on the same address, got the valid one.",
        "Вместо сертификата {host} показан чужой; контроль на том же адресе получил действительный.",
        "{host} үшін бөтен сертификат көрсетілді; бақылау сол мекенжайдан жарамдысын алды.",
        0.9,
        OONI_DATA,
    ),
    # --- cleartext HTTP
    Rule(
        "tls_certificate_dated",
        _INCONCLUSIVE,
        None,
        lambda f: _failed("tls", "certificate")(f) and f.refused == "dates" and f.leaf == "not_measured",
        "{host} showed a certificate that is out of date to us and good to the control: our clock may be wrong.",
        "Сертификат {host} для нас просрочен, а для контроля годен: возможно, неверны наши часы.",
        "{host} сертификатының мерзімі бізге өткен, ал бақылауға жарамды: сағатымыз қате болуы мүмкін.",
        0.0,
        OWN,
    ),
    Rule(
        "tls_certificate_refused",
        _BLOCKED,
        lambda f: "tls.mitm.self_signed" if f.self_signed else "tls.mitm",
        lambda f: _failed("tls", "certificate")(f) and f.leaf == "not_measured",
        "The certificate that was shown for {host} is not valid; the control, on the same address, got a valid one.",
        "Показанный для {host} сертификат недействителен; контроль на том же адресе получил действительный.",
        "{host} үшін көрсетілген сертификат жарамсыз; бақылау сол мекенжайдан жарамдысын алды.",
        0.8,
        OONI_DATA,
    ),
    Rule(
        "http_reset",
        _BLOCKED,
        lambda f: "http.reset.host" if f.swap == "answered" else "http.reset",
        _cleartext("reset"),
        "The connection was cut when we asked for the page of {host}; the control got it.",
        "Соединение оборвалось, когда мы запросили страницу {host}; контроль её получил.",
        "{host} бетін сұрағанда байланыс үзілді; бақылау бетті алды.",
        0.8,
        OONI_LTE,
    ),
    Rule(
        "http_timeout",
        _BLOCKED,
        "http.timeout",
        _cleartext("timeout"),
        "Our request for the page of {host} got no answer; the control's did.",
        "Запрос страницы {host} остался без ответа; контроль ответ получил.",
        "{host} бетін сұрауға жауап болмады; бақылау жауап алды.",
        0.7,
        OONI_LTE,
    ),
    Rule(
        "http_eof",
        _BLOCKED,
        "http.eof",
        _cleartext("eof"),
        "The connection was closed when we asked for the page of {host}; the control got it.",
        "Соединение закрылось, когда мы запросили страницу {host}; контроль её получил.",
        "{host} бетін сұрағанда байланыс жабылды; бақылау бетті алды.",
        0.7,
        OONI_LTE,
    ),
    Rule(
        "http_blockpage_vague",
        _BLOCKED,
        "http.blockpage",
        lambda f: _notice(f) and f.page == "differs",
        "{host} showed another page than to the control, with words that block pages use.",
        "{host} показал не ту страницу, что контролю, со словами, обычными для заглушек.",
        "{host} бақылауға көрсеткеннен басқа, бұғаттау беттеріне тән сөздері бар бетті көрсетті.",
        0.6,
        OONI_FINGERPRINTS,
    ),
    # --- what remains unknown, each by its reason
    Rule(
        "redirect_elsewhere",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "elsewhere",
        "An unprotected redirect led to {host}, where the control was not sent.",
        "Незащищённое перенаправление привело на {host}, куда контроль не попадал.",
        "Қорғалмаған қайта бағыттау {host} сайтына апарды, ал бақылау онда жіберілмеген.",
        0.0,
        OWN,
    ),
    Rule(
        "http_page_differs",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "cleartext" and f.page == "differs",
        "{host} showed another page than to the control; that alone proves nothing.",
        "{host} показал не ту страницу, что контролю; само по себе это ничего не доказывает.",
        "{host} бақылауға көрсеткеннен басқа бетті көрсетті; мұның өзі ештеңені дәлелдемейді.",
        0.0,
        OONI_TS017,
    ),
    Rule(
        "page_not_compared",
        _INCONCLUSIVE,
        None,
        lambda f: f.response == "cleartext" and f.page == "not_measured",
        "{host} showed a page without protection, and the control got none to compare it with.",
        "{host} показал страницу без защиты, а контроль не получил страницы для сравнения.",
        "{host} қорғалмаған бетті көрсетті, ал бақылау салыстыратын бет алмады.",
        0.0,
        OWN,
    ),
    Rule(
        "dns_too_few_controls",
        _INCONCLUSIVE,
        None,
        lambda f: f.dns in _DNS_FAILURES and not f.dns_resolved_by_controls,
        "The network's resolver does not resolve {host}, but too few controls agree on whether it should.",
        "DNS-сервер сети не находит {host}, но слишком мало контролей подтверждают, что должен.",
        "Желінің DNS-сервері {host} атауын таппайды, бірақ табуы тиіс екенін растайтын бақылау тым аз.",
        0.0,
        OWN,
    ),
    Rule(
        "control_split",
        _INCONCLUSIVE,
        None,
        lambda f: f.pair == "split",
        "{host} failed here, and the controls contradict each other.",
        "{host} здесь не открылся, а контроли противоречат друг другу.",
        "{host} мұнда ашылмады, ал бақылаулар бір-біріне қайшы.",
        0.0,
        OWN,
    ),
    Rule(
        "control_failed_otherwise",
        _INCONCLUSIVE,
        None,
        lambda f: f.pair == "failed_otherwise",
        "{host} failed here in one way and for the control in another.",
        "{host} здесь не открылся по одной причине, а у контроля по другой.",
        "{host} мұнда бір себептен, ал бақылауда басқа себептен ашылмады.",
        0.0,
        OWN,
    ),
    Rule(
        "control_not_paired",
        _INCONCLUSIVE,
        None,
        lambda f: f.step in ("tcp", "tls", "http") and f.pair == "not_measured",
        "{host} failed here, but no control tried the same address and name.",
        "{host} здесь не открылся, но контроль не проверял тот же адрес и имя.",
        "{host} мұнда ашылмады, бірақ бақылау дәл сол мекенжай мен атауды тексермеген.",
        0.0,
        OWN,
    ),
    Rule(
        "unexplained",
        _INCONCLUSIVE,
        None,
        lambda f: True,
        "What happened to {host} fits none of our rules.",
        "Произошедшее с {host} не подходит ни под одно наше правило.",
        "{host} сайтымен болған жағдай біздің ешбір ережемізге сай келмейді.",
        0.0,
        OWN,
    ),
)

# What this code can judge by. RULESET is the newest; which one public states rest on, the register decides.
RULESETS: dict[str, tuple[Rule, ...]] = {RULESET: RULES}
BY_ID = {rule.id: rule for rules in RULESETS.values() for rule in rules}


def server_side(facts: Facts) -> bool:
    """The server itself turned the visitor away: a country ban of its own, or a challenge."""
    return facts.step == "response" and facts.status in CHALLENGES
