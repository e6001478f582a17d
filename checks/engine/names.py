"""The one place where names are normalised: for people's forms, importers, the API and the engine.

A name is a domain, a URL or an IP address. Its canonical form follows UTS 46 (non-transitional) and
IDNA 2008 for the host, and the public suffix list for where a registrable domain begins.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal
from urllib.parse import quote

import idna
from publicsuffixlist import PublicSuffixList

from checks.engine import guard

LENGTH_LIMIT = 2048  # characters; what browsers and proxies agree on
LOCATION_LIMIT = 8192  # characters of a redirect: single sign-on needs more than people type
HOST_LIMIT = 253  # RFC 1035 §2.3.4, without the root dot
DEFAULT_PORTS = {"https": 443, "http": 80}
# What a stranger types may not turn a probe into a port scanner.
PORTS = frozenset({80, 443, 8080, 8443})

# RFC 6761 and its successors: names that no public resolver answers for.
SPECIAL_USE = ("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BARE_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]*:(?![0-9]+(?:[/?#]|$))")
_PLAIN_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH_SAFE = "/?%:@!$&'()*+,;=-._~[]|"

_ALL_SUFFIXES = PublicSuffixList(accept_unknown=False)
_ICANN_SUFFIXES = PublicSuffixList(accept_unknown=False, only_icann=True)


class BadName(ValueError):
    """What was typed is no domain or URL. `code` is stable; `message` says what to change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Name:
    """A canonical name. `host` is lower case and in A-labels, an IPv6 address without brackets.

    `kind` is "domain" or "ip" for a whole host on its usual port, "url" for anything more particular.
    """

    scheme: str
    host: str
    port: int
    path: str  # with the query; "/" when there is none
    kind: Literal["domain", "url", "ip"]

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them: IPv6 in brackets, the usual port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def is_ip(self) -> bool:
        return is_address(self.host)

    @property
    def display_host(self) -> str:
        """The host in Unicode, for people."""
        return ".".join(idna.ulabel(label) if label.startswith("xn--") else label for label in self.host.split("."))

    @property
    def registrable(self) -> str | None:
        """Public suffix and one label; None for addresses and for hosts that are suffixes themselves (github.io)."""
        return None if self.is_ip else _ALL_SUFFIXES.privatesuffix(self.host)


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP address: no top-level domain is a number (RFC 3696 §2)."""
    return ":" in host or host.rpartition(".")[2].isdecimal()


def parse(text: str) -> Name:
    """The canonical form of a domain or URL, https where no scheme is given. Raises BadName."""
    text = text.strip(" \t\r\n")
    _check_characters(text)
    return _parsed(text)


def _parsed(text: str) -> Name:
    scheme, rest = _split_scheme(text)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = _path(rest[len(authority) :])
    host_text, port = _split_port(authority, DEFAULT_PORTS[scheme])
    host = _host(host_text)
    whole = path == "/" and port == DEFAULT_PORTS[scheme]
    kind: Literal["domain", "url", "ip"] = "url" if not whole else "ip" if is_address(host) else "domain"
    return Name(scheme, host, port, path, kind)


def parse_location(url: str) -> Name:
    """Where a redirect leads, read as browsers read it: spaces and a user's name are no mistake there.

    Raises BadName.
    """
    text = re.sub(r"[\t\r\n]", "", url.strip())
    if len(text) > LOCATION_LIMIT:
        raise BadName("too_long", f"This is longer than {LOCATION_LIMIT} characters.")
    scheme = found[0] if (found := _SCHEME.match(text)) else ""
    rest = text.removeprefix(scheme)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return _parsed(scheme + authority.rpartition("@")[2] + rest[len(authority) :])


def _check_characters(text: str) -> None:
    if not text:
        raise BadName("empty", "Write a domain or an address, such as example.kz.")
    if len(text) > LENGTH_LIMIT:
        raise BadName("too_long", f"This is longer than {LENGTH_LIMIT} characters; shorten the address.")
    if "\\" in text:
        raise BadName("backslash", "An address has no backslash; write / instead.")
    if text.isascii() and text.isprintable() and " " not in text:
        return
    for character in text:
        if character.isspace() and character not in "\v\f\x1c\x1d\x1e\x1f\x85":
            raise BadName("whitespace", "An address has no spaces; write one address, with %20 for a space.")
        # Zero-width joiners (U+200C, U+200D) are letters of some scripts; UTS 46 judges them.
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") and character not in "\u200c\u200d":
            raise BadName("control_character", "There is an invisible character in this; type the address anew.")


def _split_scheme(text: str) -> tuple[str, str]:
    if found := _SCHEME.match(text):
        scheme = found[1].lower()
        if scheme not in DEFAULT_PORTS:
            raise BadName("bad_scheme", f"Only http:// and https:// can be measured, not {scheme}://.")
        return scheme, text[found.end() :]
    if text.count(":") > 1 and _is_ip(text):
        raise BadName("not_a_name", f"Write an IPv6 address in brackets: [{text}].")
    if "@" not in text.split("/")[0] and _BARE_SCHEME.match(text):
        raise BadName("bad_scheme", "Write the address with http:// or https://, or only the domain.")
    return "https", text


def _split_port(authority: str, default: int) -> tuple[str, int]:
    if "@" in authority:
        raise BadName("userinfo", "Leave out the user name: an address to register has no @ before its path.")
    if "%" in authority:
        raise BadName("percent", "Write the domain itself in plain letters, without % signs.")
    if authority.startswith("[") and "]" not in authority:
        raise BadName("not_a_name", "Close the bracket after the IPv6 address: [2606:2800:220::34].")
    host, colon, port = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    if not colon:
        return authority, default
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) in PORTS):
        raise BadName("bad_port", f"The port must be one of {', '.join(map(str, sorted(PORTS)))}.")
    return host, int(port)


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        try:
            return _public(IPv6Address(text[1:-1]))
        except AddressValueError:
            raise BadName("not_a_name", "What stands in the brackets is no IPv6 address.") from None
    host = _to_ascii(text)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return _public(IPv4Address(host))
        except AddressValueError:
            raise BadName("numeric_host", "Write an IP address as four plain numbers, such as 93.184.216.34.") from None
    if labels[-1] in SPECIAL_USE:
        raise BadName("special_use", f"Names under .{labels[-1]} do not exist on the public internet.")
    if _ICANN_SUFFIXES.privatesuffix(host) is None:
        if _ICANN_SUFFIXES.publicsuffix(host) is None:
            raise BadName("no_suffix", "This does not end in a known ending such as .kz or .com; check the spelling.")
        raise BadName("public_suffix", f"“{host}” is an ending that many sites share; write the site's own name.")
    return host


def _to_ascii(text: str) -> str:
    """UTS 46 mapping, then A-labels. Plain labels are taken as they are: r3---x and my_shop exist."""
    bad = BadName("not_a_name", "This is no domain name; write it as example.kz, with letters, digits and hyphens.")
    try:
        # Of ASCII letters UTS 46 says no more than that they are small.
        mapped = text.lower() if text.isascii() else idna.uts46_remap(text, std3_rules=False, transitional=False)
        mapped = mapped.removesuffix(".")
        labels = [_label(label) for label in mapped.split(".")]
    except (idna.IDNAError, UnicodeError):
        raise bad from None
    host = ".".join(labels)
    if len(host) > HOST_LIMIT or any(len(label) > 63 for label in labels):
        raise BadName("too_long", "A domain has at most 253 characters, and 63 between two dots.")
    return host


def _label(label: str) -> str:
    if _PLAIN_LABEL.fullmatch(label) and not label.startswith("xn--"):
        return label
    return idna.alabel(label).decode("ascii")


def _public(ip: IPv4Address | IPv6Address) -> str:
    ip = getattr(ip, "ipv4_mapped", None) or ip
    reason = guard.refuse(str(ip))
    if reason is not None:
        raise BadName("special_use", f"{ip} is no public address ({reason}).")
    return str(ip)


def _path(text: str) -> str:
    """Path and query, percent-encoded where needed; the fragment never reaches a server."""
    text = text.partition("#")[0]
    return quote(text if text.startswith("/") else f"/{text}", safe=_PATH_SAFE)


def _is_ip(host: str) -> bool:
    try:
        (IPv6Address if ":" in host else IPv4Address)(host)
    except AddressValueError:
        return False
    return True
