"""Names that may stand nowhere, in whatever spelling, and the last look at all that leaves for the public.

Pages and tables leave out what is about a withheld resource (`registry.displays`). A text about something else may
name it all the same: a statement on another site, the title of a source, a redirect. What a reader gets is therefore
read once more on its way out, and a name that is withheld is blacked out. So are words that an editor hid in an
emergency (`registry.hiding`).
"""

from __future__ import annotations

import hashlib
import html
import logging
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import cast
from urllib.parse import unquote

from django.db.models import Value
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from registry.models import Display, Hiding, Resource

BLACK = "█████"
ESCAPES = 3  # layers of percent signs that are taken off
SHORTEST = 4  # letters of a free name that is looked for in texts about something else
TELLING = 6  # letters of a label or a path that gives a site away inside a key; of words that are cut off
CUT_OFF = 600  # characters before three dots in which the beginning of words is looked for
# These name no site, and are asked for by machines all day.
NAMELESS = ("/healthz", "/api/v1/echo")
DESK = "/desk/"
ECHOES = frozenset({"look_up", "resources", "acts", "matrix", "report", "api-lookup"})  # they say `q` again
LOOK_UP = "api-lookup"  # what it answers to POST is about more than what was asked for
WORDS = "words"  # marks the rows of what is hidden in an emergency

# Each begins where a run begins, or a page of one long word, or of spaces, would be read from each of its letters.
_HOST = re.compile(r"(?<![\w-])[\w-]+(?:\.[\w-]+)+")
_AFTER = re.compile(r"(?::\d+)?(/[^\s\"'<>\\]*)")  # a port, and a path
_BREAK = re.compile(r"[/?&#=.,;:)]")  # where a longer address may be cut
_WORD = re.compile(r"[^\W_]+")
_CUT_OFF = re.compile(r"(?<!\.)\.\.\.")  # … is folded to that
_MARKUP = re.compile(r"(<[^>]*>)")
_RUN = re.compile(r"(?:\\(?:u[0-9a-fA-F]{4}|[bfnrt/])|[^\s<>\"'\\|])+")
_DOT = r"(?:\.|dot|точка|нүкте)"
_DEFANG = rf"(?<![\s+])(?:[\s+]*[\[({{]\s*{_DOT}\s*[\])}}]\s*|[\s+]+{_DOT}[\s+]+)"  # a query has + for a space
_DEFANGED = re.compile(_DEFANG)
_CHAIN = re.compile(rf"(?<![\w.-])[\w.-]+(?:{_DEFANG}[\w.-]+)+[^\s<>\"'\\|]*", re.IGNORECASE)
_NUMBER = re.compile(r"^\d+-")  # of a list or a key, before a name
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|[bfnrt/])", re.IGNORECASE)
_A_LABEL = re.compile(r"xn--[a-z0-9-]+")
_UNSEEN = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF])
_DOTS = {ord(dot): "." for dot in "。․"}
# What stands for a letter or a few, as `folded` reads it; a letter goes with the accents that follow it.
_SIGN = r"&#?\w+;|\\u[0-9a-fA-F]{4}|\\[bfnrt/]|(?:%(?:25)*[0-9a-fA-F]{2})+|[xX][nN]--[a-zA-Z0-9-]+|.[\u0300-\u036f]*"
_SIGNS = re.compile(_SIGN, re.DOTALL)
_TAGS_AND_SIGNS = re.compile(rf"<[^>]*>|{_SIGN}", re.DOTALL)

log = logging.getLogger(__name__)


def folded(text: str) -> str:
    """One spelling of all: unescaped, in letters and not in A-labels, without case, with plain dots."""
    if "&" in text:
        text = html.unescape(text)
    if "\\" in text:
        text = _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
    for _ in range(ESCAPES):
        if "%" not in text:
            break
        text = unquote(text.replace("%20", "+"))  # a space would end the address
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_UNSEEN)).translate(_DOTS)
    text = text.casefold()
    if "xn--" in text:
        text = _A_LABEL.sub(_in_letters, text)
    return _DEFANGED.sub(".", text)


def _in_letters(label: re.Match[str]) -> str:
    try:
        return label[0].encode("ascii").decode("idna").casefold()
    except UnicodeError:
        return label[0]


def slugged(text: str) -> str:
    """As a slug spells it: its words with hyphens between, before and after."""
    return f"-{'-'.join(_WORD.findall(folded(text)))}-"


@dataclass(frozen=True)
class Veil:
    """What may not be named, folded."""

    sites: frozenset[str] = frozenset()  # hosts of withheld sites: also inside a longer host
    pages: dict[str, frozenset[str]] = field(default_factory=dict)  # paths that are not shown, by host
    phrases: frozenset[str] = frozenset()  # free names of withheld apps and services, as slugs
    words: frozenset[str] = frozenset()  # those that are one word, as they are written
    hidden: frozenset[str] = frozenset()  # hidden in an emergency, whatever stands between their words

    def names(self, text: str, *, visible: bool = False) -> set[str]:
        """Which of them a text spells. `visible`: its words are read by people and no markup or field names."""
        letters = folded(text)
        found = {*self._hosts(letters), *self._phrases(letters), *self._hidden(letters)}
        return {*found, *(self._words(text) if visible else ())}

    def spells(self, text: str) -> bool:
        return bool(self.names(text, visible=True))

    def _hosts(self, letters: str) -> Iterator[str]:
        if not self.sites and not self.pages:
            return
        for found in _HOST.finditer(letters):
            labels = [label.strip("-_") for label in found[0].split(".")]
            for start in range(len(labels) - 1):
                for end in range(start + 2, min(start + self._longest, len(labels)) + 1):
                    for host in _readings(labels[start:end]):
                        if host in self.sites:
                            yield host
                        elif host in self.pages and end == len(labels):
                            yield from (f"{host}{path}" for path in _cuts(letters, found.end()) & self.pages[host])

    def _phrases(self, letters: str) -> set[str]:
        if not self.phrases:
            return set()
        words = f"-{'-'.join(_WORD.findall(letters))}-"
        return {phrase for phrase in self.phrases if phrase in words}

    def _words(self, text: str) -> set[str]:
        return {word for word in _WORD.findall(text) if word in self.words} if self.words else set()

    def _hidden(self, letters: str) -> set[str]:
        return {one for one, _begin, _end in self._places(letters)} if self.hidden else set()

    def _places(self, letters: str) -> Iterator[tuple[str, int, int]]:
        """Where what is hidden in an emergency stands, whole, or cut off by three dots behind it."""
        run = letters_of(letters)
        for one, (own, pattern) in self._patterns.items():
            if own in run:
                yield from ((one, *found.span()) for found in pattern.finditer(letters))
        for dots in _CUT_OFF.finditer(letters):
            yield from self._beginnings(letters, dots.start())

    def _beginnings(self, letters: str, end: int) -> Iterator[tuple[str, int, int]]:
        before = [at for at in range(max(0, end - CUT_OFF), end) if letters[at].isalnum()]
        run = "".join(letters[at] for at in before)
        for one, (own, _pattern) in self._patterns.items():
            sizes = range(len(own) - 1, TELLING - 1, -1) if own[:TELLING] in run else ()
            for begin in (before[-size] for size in sizes if run.endswith(own[:size])):
                if begin == 0 or not letters[begin - 1].isalnum():
                    yield one, begin, end

    @cached_property
    def _patterns(self) -> dict[str, tuple[str, re.Pattern[str]]]:
        return {one: (letters_of(folded(one)), _pattern(folded(one))) for one in self.hidden}

    @property
    def mark(self) -> str:
        """Of what is hidden in an emergency; empty where nothing is."""
        return hashlib.sha256("\n".join(sorted(self.hidden)).encode()).hexdigest()[:16] if self.hidden else ""

    @cached_property
    def _longest(self) -> int:
        """Labels of the longest host: what has thousands of them is looked through once for each."""
        return max((host.count(".") + 1 for host in (*self.sites, *self.pages)), default=0)

    @cached_property
    def _slugs(self) -> frozenset[str]:
        """How a key would spell a site: by its host, or by a telling part of it or of a page's path."""
        hosts = {slugged(host) for host in self.sites}
        labels = {slugged(label) for host in self.sites for label in host.split(".")[:-1]}
        paths = {slugged(path) for many in self.pages.values() for path in many}
        return frozenset(hosts | self.phrases | {one for one in labels | paths if len(one) - 2 >= TELLING})

    @cached_property
    def _lengths(self) -> frozenset[int]:
        return frozenset(one.count("-") - 1 for one in self._slugs)

    def in_key(self, key: str) -> bool:
        """Does a record's key, which is its address, spell one? Rather too often than too rarely: it has a number."""
        if self._hidden(folded(key)):
            return True
        words = slugged(key).strip("-").split("-")
        runs = (f"-{'-'.join(words[at : at + length])}-" for length in self._lengths for at in range(len(words)))
        return any(run in self._slugs for run in runs)

    def holds(self, letters: str) -> bool:
        """Are these letters a part of one of them, or what is hidden a part of these?"""
        run = letters_of(folded(letters))
        if self._hidden(folded(letters)) or (run and any(run in own for own, _pattern in self._patterns.values())):
            return True
        wanted, pages = folded(letters), (f"{host}{path}" for host, paths in self.pages.items() for path in paths)
        names = (*self.sites, *pages, *(phrase.replace("-", " ") for phrase in self.phrases), *self.words)
        return any(wanted in name.casefold() for name in names)

    def black(self, text: str, asked: Iterable[str] = (), *, markup: bool = False) -> str:
        """The text with what it spells blacked out, but for what was `asked` for by that very name."""
        known = set(asked)
        text = self._without_hidden(text, known, markup=markup)
        told = _MARKUP.split(text) if markup else [text]
        for at, part in enumerate(told):
            visible = markup and at % 2 == 0
            for name in self.names(part, visible=visible) - known:
                if name in self.words or name in self.phrases:
                    words = (re.escape(word) for word in name.strip("-").split("-"))
                    part = re.sub(r"(?<!\w)" + r"[\W_]+".join(words) + r"(?!\w)", BLACK, part, flags=re.IGNORECASE)
            for runs in (_RUN, _CHAIN):
                part = runs.sub(lambda run: BLACK if self.names(run[0]) - known else run[0], part)
                if not self.names(part) - known:
                    break
            told[at] = part
        return "".join(told)

    def _without_hidden(self, text: str, known: set[str], *, markup: bool) -> str:
        """Letters alone are blacked out, so that what is read by a machine stays what it is."""
        if not self.hidden:
            return text

        def places(letters: str) -> Iterator[tuple[int, int]]:
            yield from ((begin, end) for one, begin, end in self._places(letters) if one not in known)

        if self._hidden(folded(text)) - known:
            text = _blacked(text, _SIGNS, places)
        if markup:
            return _blacked(text, _TAGS_AND_SIGNS, places)
        return BLACK if self._hidden(folded(text)) - known else text  # rather nothing than a name


def _readings(labels: list[str]) -> set[str]:
    """A host as it is written, without a number before it (1-shop.kz) and without an ending behind it (shop.kz-тен)."""
    first, *middle, last = labels
    if "-" not in first and "-" not in last:
        return {".".join(labels)}
    firsts, lasts = {first, _NUMBER.sub("", first)}, {last, last.partition("-")[0]}
    return {".".join((begin, *middle, end)) for begin in firsts for end in lasts}


def _cuts(letters: str, at: int) -> set[str]:
    """The path that follows a host, whole and cut wherever a shorter one may end."""
    found = _AFTER.match(letters, at)
    if found is None:
        return set()
    path = found[1]
    return {path, *(path[: one.start()] for one in _BREAK.finditer(path))} - {""}


def words_of(letters: str) -> list[str]:
    return _WORD.findall(letters)


def letters_of(letters: str) -> str:
    """The letters and digits of a folded text, without what stands between."""
    return "".join(words_of(letters))


def _pattern(letters: str) -> re.Pattern[str]:
    """Finds these words as whole words, whatever stands between them and between digits."""
    words = (re.sub(r"(?<=\d)(?=\d)", r"[\\W_]{0,3}", word) for word in _WORD.findall(letters))
    return re.compile(r"(?<![^\W_])" + r"[\W_]*".join(words) + r"(?![^\W_])")


def _blacked(text: str, signs: re.Pattern[str], places: Callable[[str], Iterable[tuple[int, int]]]) -> str:
    """What stands in these places of the folded text is blacked out, however it is written. A tag is a space."""
    written = signs.findall(text)
    read = [" " if len(one) > 1 and one[0] == "<" else _sign(one) for one in written]
    letters, ends = "".join(read), list(accumulate(map(len, read)))
    for begin, end in places(letters):
        for at in range(bisect_right(ends, begin), bisect_left(ends, end) + 1):
            if letters_of(read[at]):
                written[at] = BLACK
    return re.sub(rf"{BLACK}(?:{BLACK})+", BLACK, "".join(written))


@lru_cache(maxsize=4096)
def _sign(written: str) -> str:
    return folded(written)


def read() -> Veil:
    """What may not be named now, in one query."""
    rows = Resource.objects.filter(display__in=(Display.DOMAIN_ONLY, Display.WITHHELD)).values_list(
        "display", "type", "name", "host", "former_addresses__type", "former_addresses__name"
    )
    nothing = Value("")
    words = Hiding.objects.in_force(timezone.now()).exclude(words="")
    hidden = words.values_list(Value(WORDS), nothing, "words", nothing, nothing, nothing)
    return _made(tuple(rows.order_by().union(hidden.order_by(), all=True)))


@lru_cache(maxsize=2)  # what is made of the same rows is the same; the rows are read each time
def _made(rows: tuple[tuple[str, ...], ...]) -> Veil:
    sites: set[str] = set()
    pages: dict[str, set[str]] = defaultdict(set)
    free: set[str] = set()
    hidden: set[str] = set()
    for display, type, name, host, former_type, former_name in rows:
        if display == WORDS:
            hidden.add(name)
            continue
        for kind, text, its_host in ((type, name, host), (former_type, former_name, "")):
            if kind == Resource.Type.URL:
                site, slash, path = folded(text.partition("://")[2]).partition("/")
                if path:
                    pages[site.partition(":")[0]].add(slash + path.rstrip("/"))
            elif kind and display == Display.WITHHELD:
                dotted = {folded(one) for one in (its_host, text) if _HOST.fullmatch(one)}
                sites |= dotted
                free |= {text} if folded(text) not in dotted else set()
    phrases = {name: slugged(name) for name in free}
    single = {name for name, phrase in phrases.items() if phrase.count("-") == 2}
    return Veil(
        frozenset(sites),
        {host: frozenset(paths) for host, paths in pages.items()},
        frozenset(phrase for name, phrase in phrases.items() if name not in single and phrase != "--"),
        frozenset(name for name in single if len(name) >= SHORTEST),
        frozenset(hidden),
    )


def of(request: HttpRequest) -> Veil:
    """Read once, however often one request asks."""
    kept = vars(request)
    if "veil" not in kept:
        kept["veil"] = read()
    return cast(Veil, kept["veil"])


# --- what leaves


class Middleware:
    """Innermost: it reads what a view has made, before anything packs it.

    What the reader has typed is told as it was typed, or the black would say that the guess was right; and no more
    than that, or a guess would lift the black from the rest of a page. An answer to POST is the asker's own and is
    left as it is, but for what is hidden in an emergency.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path
        if path in NAMELESS or path.startswith(DESK):
            return self.get_response(request)
        answer = self._marked(request)
        if request.method == "POST" and not _looks_up(request):
            return answer
        if isinstance(answer, StreamingHttpResponse):
            if _is_text(answer):
                lines = cast(Iterable[bytes], answer.streaming_content)
                answer.streaming_content = _veiled(lines, of(request))
            return answer
        if isinstance(answer, HttpResponse):
            return self._looked_through(request, answer)
        return answer

    def _marked(self, request: HttpRequest) -> HttpResponseBase:
        """Who kept an answer from before something was hidden is not told that it is still the same."""
        asked = request.META.get("HTTP_IF_NONE_MATCH", "")
        if asked and (mark := of(request).mark):
            request.META["HTTP_IF_NONE_MATCH"] = asked.replace(f'-{mark}"', '"') if mark in asked else ""
        answer = self.get_response(request)
        if "ETag" in answer and (mark := of(request).mark):
            answer["ETag"] = f'{answer["ETag"][:-1]}-{mark}"'
        return answer

    def _looked_through(self, request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        headers = " ".join(str(answer[name]) for name in ("Location", "Link", "Content-Disposition") if name in answer)
        body = answer.content.decode(answer.charset) if _is_text(answer) else ""
        if not headers and not body:
            return answer
        veil = of(request) if request.method != "POST" else Veil(hidden=of(request).hidden)
        kind = answer.get("Content-Type", "")  # a redirect may have none
        markup = kind.startswith("text/html")
        if "calendar" in kind:
            body = body.replace("\r\n ", "")  # long lines are folded there, in the midst of a word
        typed = veil.names(f"{request.path} {request.META.get('QUERY_STRING', '')}", visible=True)
        if veil.names(headers) - typed:
            return _refused(request)
        own = _own(request) if typed and markup else {}
        hidden = _replaced(body, own)
        asked = typed if answer.status_code >= 400 else set()
        if _echoes(request) and not asked:  # what else stands in the address is said by nobody
            asked = veil.names(f"{request.path} {request.GET['q']}", visible=True)
        if answer.status_code < 400:
            asked = asked - veil.hidden  # what is found for it may have it in the midst of a text
        if not _spells(veil, hidden, markup) - asked:
            return answer
        told = veil.black(hidden, asked, markup=markup)
        if _spells(veil, told, markup) - asked:
            return _refused(request)
        answer.content = _replaced(told, {sign: words for words, sign in own.items()}).encode(answer.charset)
        if "Content-Length" in answer:
            answer["Content-Length"] = str(len(answer.content))
        return answer


def _own(request: HttpRequest) -> dict[str, str]:
    """What a page says of its own address, and in the field that was filled in: each with a sign for it."""
    path = html.escape(request.get_full_path()[4:])  # the page in other languages
    own = {path: "\0"} if path else {}
    return own | ({f'value="{html.escape(request.GET["q"])}"': "\1"} if _echoes(request) else {})


def _replaced(text: str, by: dict[str, str]) -> str:
    for one, other in by.items():
        text = text.replace(one, other)
    return text


def _looks_up(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name == LOOK_UP


def _echoes(request: HttpRequest) -> bool:
    """Does the page say again what was looked for? Nothing on it is about what it does not find."""
    found = request.resolver_match
    return found is not None and found.url_name in ECHOES and "q" in request.GET


def _spells(veil: Veil, body: str, markup: bool) -> set[str]:
    found = veil.names(body)
    if markup and (veil.words or veil.hidden):
        found |= veil.names(_MARKUP.sub(" ", body), visible=True)
    return found


def _is_text(answer: HttpResponseBase) -> bool:
    kind = answer.get("Content-Type", "")
    return kind.startswith("text/") or "json" in kind or "xml" in kind


def _refused(request: HttpRequest) -> HttpResponse:
    """Rather nothing than a name; it is our mistake, and the log says where."""
    log.error("an answer of %s named what is withheld, and could not be blacked out", request.path)
    return HttpResponse(
        gettext("not shown here: it would give the address away"), status=404, content_type="text/plain; charset=utf-8"
    )


def _veiled(chunks: Iterable[bytes], veil: Veil) -> Iterator[bytes]:
    """Line by line, for no name goes over the end of one."""
    kept = b""
    for chunk in chunks:
        *lines, kept = (kept + chunk).split(b"\n")
        yield from (_line(line, veil) + b"\n" for line in lines)
    if kept:
        yield _line(kept, veil)


def _line(line: bytes, veil: Veil) -> bytes:
    text = line.decode("utf-8", "replace")
    return veil.black(text).encode() if veil.names(text) else line
