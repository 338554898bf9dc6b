"""When two spellings mean one issuer. Pure."""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_ROUNDS: Final = 5
"""Times that percent-encoding is taken off: it may be written over itself."""
_SCHEME: Final = re.compile(r"(?:https?:)?/*")
_DEFAULT_PORT: Final = re.compile(r":0*(?:443|80)?$")
_DOTS: Final = str.maketrans("\u3002", ".")
"""What IDNA takes for a dot, once others are normalized to it."""

_PLAIN: Final = re.compile(
    r"https://[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
)


def is_plain(issuer: str) -> bool:
    """Tell whether an issuer is written as OpenID Connect has it: https, a host, maybe a path.

    Source: https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery
    """
    return _PLAIN.fullmatch(issuer) is not None


def mean_the_same(one: str, other: str) -> bool:
    """Tell whether a person, or a lenient program, may take one issuer for the other.

    Letter case, the last slash, `http`, a default port, userinfo, dots at the end of the host,
    percent-encoding, look-alikes of Unicode, invisible characters, query and fragment make no
    difference here. To Entra ID all of them do: it matches the exact spelling alone.
    """
    return _folded(one) == _folded(other)


def _folded(issuer: str) -> str:
    text = issuer
    for _ in range(_ROUNDS):
        text = unquote(_visible(text), errors="replace")
    text = _visible(text).replace("\\", "/").casefold()
    text = re.split(r"[?#]", text, maxsplit=1)[0]
    host, _, path = _SCHEME.sub("", text, count=1).partition("/")
    return f"{_host(host)}/{'/'.join(_segments(path))}"


def _visible(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    return "".join(char for char in normal if char.isprintable() and not char.isspace())


def _host(authority: str) -> str:
    host = authority.rpartition("@")[2].translate(_DOTS)
    host = _DEFAULT_PORT.sub("", host).rstrip(".")
    try:
        return host.encode("idna").decode("ascii").casefold()
    except UnicodeError:
        return host


def _segments(path: str) -> list[str]:
    found: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del found[-1:]
        elif segment not in {"", "."}:
            found.append(segment)
    return found
