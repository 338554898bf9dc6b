"""Reading single values of flags and variables; what is wrong goes to the faults.

Each returns something of its type even then, so that reading can go on.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from controller.config.flags import Setting
from controller.config.settings import Address
from identity.account import is_uuid
from identity.durations import parse_go_duration
from identity.faults import Faults
from identity.integers import parse_go_int

_HIGHEST_PORT: Final = 65535
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PEM: Final = "-----BEGIN CERTIFICATE-----"
_LONGEST_ISSUER: Final = 600
"""Characters of an issuer or an audience in a federated credential. Source:
https://learn.microsoft.com/graph/api/resources/federatedidentitycredential#properties"""


def read_choice(setting: Setting, choices: Sequence[str], faults: Faults) -> str:
    """Read one of a few words; the first one stands in for a wrong one."""
    if setting.text in choices:
        return setting.text
    faults.add(setting.where, setting.text, f"one of {', '.join(choices)}")
    return choices[0]


def read_switch(setting: Setting, faults: Faults) -> bool:
    """Read true or false as Go writes them; nothing is false."""
    if setting.text not in _TRUE | _FALSE:
        faults.add(setting.where, setting.text, "true or false")
    return setting.text in _TRUE


def read_count(setting: Setting, highest: int, faults: Faults) -> int:
    """Read a whole number from 1 on."""
    number = parse_go_int(setting.text)
    if number is None or not 1 <= number <= highest:
        faults.add(setting.where, setting.text, f"a whole number from 1 to {highest}")
        return 1
    return number


def read_factor(setting: Setting, faults: Faults) -> float:
    """Read a number above zero."""
    try:
        factor = float(setting.text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        faults.add(setting.where, setting.text, "a number above 0, such as 1 or 0.5")
        return 1.0
    return factor


def read_duration(
    setting: Setting, shortest: float, faults: Faults, longest: float = math.inf
) -> float:
    """Read a duration of so many seconds at least, and at most."""
    seconds = parse_go_duration(setting.text)
    if seconds is not None and shortest <= seconds <= longest:
        return seconds
    span = f"a duration of at least {go_duration(shortest)}"
    if longest < math.inf:
        span = f"a duration from {go_duration(shortest)} to {go_duration(longest)}"
    faults.add(setting.where, setting.text, f"{span}, such as 90s, 3m or 1h30m")
    return shortest


def go_duration(seconds: float) -> str:
    """Return seconds as Go's flags take them: `3m30s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number:g}{unit}" for number, unit in parts if number) or "0s"


def read_uuid(setting: Setting, faults: Faults) -> str:
    """Read a UUID into lower case; nothing where it is none."""
    if not is_uuid(setting.text):
        faults.add(setting.where, setting.text, "a UUID: 8-4-4-4-12 hexadecimal digits")
        return ""
    return setting.text.lower()


def read_list(setting: Setting) -> tuple[str, ...]:
    """Read words with commas between them; empty ones do not count."""
    words = (word.strip() for word in setting.text.split(","))
    return tuple(word for word in words if word)


def read_name(setting: Setting, faults: Faults) -> str:
    """Read the name of an object. Source: RFC 1123, 2.1."""
    if len(setting.text) > 253 or not _SUBDOMAIN.fullmatch(setting.text):
        faults.add(setting.where, setting.text, "lower-case letters, digits, '-' and '.'")
    return setting.text


def is_namespace(text: str) -> bool:
    """Tell whether a namespace can have that name."""
    return re.fullmatch(_LABEL, text) is not None


def read_url(setting: Setting, faults: Faults) -> str:
    """Read the URL of a service: https, a host, no query, no user."""
    try:
        url = urlsplit(setting.text)
        fits = url.scheme == "https" and bool(url.hostname) and url.port != 0
    except ValueError:
        fits = False
    plain = all("!" <= char <= "~" for char in setting.text)
    if not fits or not plain or set(setting.text) & set("?#@\\"):
        # A user's password may stand in it.
        found = None if "@" in setting.text else setting.text
        faults.add(setting.where, found, "https://host without query, fragment or user")
    return setting.text


def read_issuer(setting: Setting, faults: Faults) -> str | None:
    """Read an issuer, kept as written to the last slash; nothing is None."""
    if not setting.text:
        return None
    if len(setting.text) > _LONGEST_ISSUER:
        faults.add(setting.where, setting.text, f"at most {_LONGEST_ISSUER} characters")
    return read_url(setting, faults)


def read_audience(setting: Setting, faults: Faults) -> str:
    """Read what tokens are for, one word."""
    plain = all("!" <= char <= "~" for char in setting.text)
    if not plain or len(setting.text) > _LONGEST_ISSUER:
        faults.add(setting.where, setting.text, f"one word of at most {_LONGEST_ISSUER} characters")
    return setting.text


def read_file(setting: Setting, faults: Faults) -> Path | None:
    """Read the path of a file that is there; nothing is None."""
    if not setting.text:
        return None
    path = Path(setting.text)
    if not _is_file(path):
        faults.add(setting.where, setting.text, "a file that is there and can be read")
        return None
    return path


def read_authorities(setting: Setting, faults: Faults) -> Path | None:
    """Read the path of a file of certificates in PEM; nothing is None."""
    path = read_file(setting, faults)
    if path is None:
        return None
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        faults.add(setting.where, setting.text, f"a file that can be read ({error.strerror})")
        return None
    if _PEM not in text:
        faults.add(setting.where, setting.text, f"certificates in PEM ({_PEM})")
        return None
    return path


def read_address(setting: Setting, faults: Faults) -> Address:
    """Read an address as Go programs take it: `:9440`, `127.0.0.1:9440`, `[::1]:9440`."""
    host, colon, written = setting.text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    port = parse_go_int(written) if written.isascii() and written.isdecimal() else None
    if not colon or port is None or port > _HIGHEST_PORT:
        faults.add(
            setting.where,
            setting.text,
            f"an address such as :9440, 127.0.0.1:9440 or [::1]:9440; ports go to {_HIGHEST_PORT}",
        )
        return Address("", 0)
    return Address(host, port)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no right to look, or a null byte
        return False
