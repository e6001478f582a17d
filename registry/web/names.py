"""Why something typed is no name, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from checks.engine.names import PORTS, BadName

_SENTENCES = {
    "empty": _("Write a domain or an address, such as orda.kz."),
    "too_long": _("This is too long for an address; write only the domain."),
    "backslash": _("An address has no backslash; write / instead."),
    "whitespace": _("An address has no spaces; write one address only."),
    "control_character": _("There is an invisible character in this; type the address by hand."),
    "bad_scheme": _("Write an address that begins with https:// or http://, or only the domain."),
    "not_a_name": _("This is no address; write it as orda.kz, with letters, digits and hyphens."),
    "userinfo": _("Leave out the user name: there is no @ in the address of a site."),
    "percent": _("Write the domain in plain letters, without percent signs."),
    "bad_port": _("Leave out the port, or write one of these: %(ports)s."),
    "numeric_host": _("Write an IP address as four plain numbers, such as 93.184.216.34."),
    "special_use": _("This does not exist on the public internet, so nobody can block it."),
    "no_suffix": _("This does not end in a known ending such as .kz or .com; check the spelling."),
    "public_suffix": _("This is an ending that many sites share; write the site's own name."),
}


def explain(error: BadName) -> str:
    """One sentence that says what to change."""
    return str(_SENTENCES[error.code]) % {"ports": ", ".join(map(str, sorted(PORTS)))}
