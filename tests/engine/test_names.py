import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.engine.names import BadName, parse

SPELLINGS = [
    ("example.kz", "https://example.kz/"),
    (" EXAMPLE.kz\n", "https://example.kz/"),
    ("example.kz.", "https://example.kz/"),
    ("https://example.kz:443", "https://example.kz/"),
    ("HTTP://Example.KZ:80/Path", "http://example.kz/Path"),
    ("http://example.kz:8080?q=1#part", "http://example.kz:8080/?q=1"),
    ("https://example.kz/a b".replace(" ", "%20"), "https://example.kz/a%20b"),
    ("пример.қаз", "https://xn--e1afmkfd.xn--80ao21a/"),
    ("https://example.kz/тізілім", "https://example.kz/%D1%82%D1%96%D0%B7%D1%96%D0%BB%D1%96%D0%BC"),
    ("example。kz", "https://example.kz/"),
    ("ｅｘａｍｐｌｅ．ｋｚ", "https://example.kz/"),
    ("faß.de", "https://xn--fa-hia.de/"),
    ("r3---sn-1.googlevideo.com", "https://r3---sn-1.googlevideo.com/"),
    ("my_shop.example.com", "https://my_shop.example.com/"),
    ("93.184.216.34", "https://93.184.216.34/"),
    ("http://[2606:2800:220:0:0::34]:8080/x", "http://[2606:2800:220::34]:8080/x"),
    ("[::ffff:93.184.216.34]", "https://93.184.216.34/"),
]

REFUSED = [
    ("", "empty"),
    ("  ", "empty"),
    ("a" * 2049, "too_long"),
    ("a" * 64 + ".kz", "too_long"),
    (".".join(["abcdefgh"] * 32) + ".kz", "too_long"),
    ("exam ple.kz", "whitespace"),
    ("https://example.kz/a b", "whitespace"),
    ("example.kz\u2003", "whitespace"),
    ("exam\0ple.kz", "control_character"),
    ("exam\u202eple.kz", "control_character"),
    ("exam\u200bple.kz", "control_character"),
    ("exam\u00adple.kz", "control_character"),
    ("example.kz\\path", "backslash"),
    ("https://user@example.kz/", "userinfo"),
    ("https://user:word@example.kz/", "userinfo"),
    ("person@example.kz", "userinfo"),
    ("ex%61mple.kz", "percent"),
    ("ftp://example.kz/", "bad_scheme"),
    ("javascript:alert(1)", "bad_scheme"),
    ("http:example.kz", "bad_scheme"),
    ("example.kz:22", "bad_port"),
    ("example.kz:", "bad_port"),
    ("https://example.kz:٤٤٣/", "bad_port"),
    ("https:///path", "not_a_name"),
    ("example..kz", "not_a_name"),
    ("-example.kz", "not_a_name"),
    ("exa!mple.kz", "not_a_name"),
    ("xn--a.kz", "not_a_name"),
    ("2606:2800:220::34", "not_a_name"),
    ("[2606:2800::zz]", "not_a_name"),
    ("http://[2606:2800::34", "not_a_name"),
    ("[fe80::1%25eth0]", "percent"),
    ("127.1", "numeric_host"),
    ("0x7f.0.0.1", "numeric_host"),
    ("0x7f000001", "numeric_host"),
    ("2130706433", "numeric_host"),
    ("0177.0.0.1", "numeric_host"),
    ("93.184.216.034", "numeric_host"),
    ("1.2.3.4.5", "numeric_host"),
    ("127.0.0.1", "special_use"),
    ("１２７.0.0.1", "special_use"),
    ("169.254.169.254", "special_use"),
    ("[::1]", "special_use"),
    ("[::ffff:10.0.0.1]", "special_use"),
    ("localhost", "special_use"),
    ("printer.local", "special_use"),
    ("abcdef.onion", "special_use"),
    ("example.kzz", "no_suffix"),
    ("index.html", "no_suffix"),
    ("kz", "public_suffix"),
    ("com.kz", "public_suffix"),
]


@pytest.mark.parametrize(("text", "url"), SPELLINGS)
def test_spellings_of_one_address_have_one_form(text, url):
    assert parse(text).url == url


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_is_no_address_is_refused_with_the_reason(text, code):
    with pytest.raises(BadName) as refused:
        parse(text)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("example.kz", "domain"),
        ("http://example.kz/", "domain"),
        ("example.kz/news", "url"),
        ("example.kz:8443", "url"),
        ("93.184.216.34", "ip"),
        ("http://93.184.216.34/news", "url"),
    ],
)
def test_a_whole_host_is_told_from_a_page(text, kind):
    assert parse(text).kind == kind


def test_people_read_the_host_in_their_own_letters():
    assert parse("xn--80ao21a.xn--80ao21a").display_host == "қаз.қаз"
    assert parse("r3---sn-1.googlevideo.com").display_host == "r3---sn-1.googlevideo.com"


@pytest.mark.parametrize(
    ("text", "registrable"),
    [
        ("www.news.example.com.kz", "example.com.kz"),
        ("somebody.github.io", "somebody.github.io"),
        ("github.io", None),
        ("93.184.216.34", None),
    ],
)
def test_the_registrable_domain_follows_the_public_suffix_list(text, registrable):
    assert parse(text).registrable == registrable


LABELS = st.text(st.characters(codec="utf-8"), max_size=12)
ADDRESSES = st.builds(
    "{}{}.{}{}{}".format,
    st.sampled_from(["", "http://", "https://", "HTTPS://"]),
    LABELS,
    st.sampled_from(["kz", "com", "қаз", "github.io", "KZ."]),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.one_of(st.just(""), st.text().map("/{}".format), st.text().map("?{}".format)),
)


@given(st.one_of(st.text(), ADDRESSES))
def test_the_canonical_form_of_a_canonical_form_is_itself(text):
    try:
        name = parse(text)
    except BadName:
        return
    assert parse(name.url) == name
    assert name.url.isascii()
    assert name.display_host


@given(LABELS)
def test_the_host_for_people_leads_back_to_the_same_host(label):
    try:
        name = parse(f"{label}.kz")
    except BadName:
        return
    assert parse(name.display_host).host == name.host


@given(st.text(alphabet=[chr(code) for code in range(33, 127)], min_size=1, max_size=30))
def test_of_ascii_uts_46_says_that_letters_are_small(text):
    assert idna.uts46_remap(text, std3_rules=False, transitional=False) == text.lower()
