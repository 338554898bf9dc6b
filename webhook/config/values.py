"""Reading single values of flags and variables; what is wrong goes to the faults."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from identity.durations import parse_go_duration
from identity.faults import Faults
from identity.integers import parse_go_int
from webhook.config.settings import Address

_HIGHEST_PORT: Final = 65535
_LABEL_KEY: Final = re.compile(
    r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_VALUE_OPERATORS: Final = frozenset({"In", "NotIn"})
_OPERATORS: Final = _VALUE_OPERATORS | {"Exists", "DoesNotExist"}


def read_port(where: str, value: str, faults: Faults) -> int:
    """Read a port; 0 lets the system choose one."""
    port = parse_go_int(value)
    if port is not None and 0 <= port <= _HIGHEST_PORT:
        return port
    faults.add(where, value, f"a port from 0 to {_HIGHEST_PORT}")
    return 0


def read_address(where: str, value: str, faults: Faults) -> Address:
    """Read an address as Go programs take it: `:9440`, `127.0.0.1:9440`, `[::1]:9440`."""
    host, colon, port = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isdigit():
        faults.add(where, value, "an address such as :9440, 127.0.0.1:9440 or [::1]:9440")
        return Address("", 0)
    return Address(host, read_port(where, port, faults))


def read_duration(where: str, value: str, shortest: float, faults: Faults) -> float:
    """Read a duration of at least so many seconds."""
    seconds = parse_go_duration(value)
    if seconds is None or seconds < shortest:
        faults.add(where, value, f"a duration of at least {shortest:g}s, such as 90s, 30m or 2160h")
        return shortest
    return seconds


def read_switch(where: str, value: str, faults: Faults) -> bool | None:
    """Read true or false, in any letter case; blank is absent."""
    written = value.strip().lower()
    if written not in {"true", "false", ""}:
        faults.add(where, value, "true or false")
    return written == "true" if written else None


def read_https_url(where: str, value: str, faults: Faults) -> str:
    """Read a URL that a token may be sent to: https, a host, no query, no user."""
    try:
        url = urlsplit(value)
        right = bool(
            url.scheme == "https"
            and url.hostname
            and not (url.query or url.fragment or url.username or url.password)
            and (url.port is None or url.port)
            and value.isprintable()
            and " " not in value
        )
    except ValueError:
        right = False
    if not right:
        faults.add(where, value, "an https:// URL without query, fragment or user")
    return value


def read_object(where: str, value: str, faults: Faults) -> Mapping[str, Any] | None:
    """Read a JSON object; blank is absent."""
    if not value.strip():
        return None
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        faults.add(where, value, "a JSON object")
        return None
    return read


def read_label_selector(where: str, value: str, faults: Faults) -> Mapping[str, Any] | None:
    """Read a LabelSelector in JSON; blank is absent.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/
    """
    selector = read_object(where, value, faults)
    if selector is None:
        return None
    if selector.keys() - {"matchLabels", "matchExpressions"}:
        faults.add(where, value, "matchLabels and matchExpressions, nothing else")
    labels = selector.get("matchLabels", {})
    if not isinstance(labels, dict) or not all(
        _LABEL_KEY.fullmatch(key) and isinstance(label, str) for key, label in labels.items()
    ):
        faults.add(f"{where} matchLabels", None, "expected label keys with strings as values")
    expressions = selector.get("matchExpressions", [])
    if not isinstance(expressions, list) or not all(map(_is_requirement, expressions)):
        faults.add(
            f"{where} matchExpressions",
            None,
            "expected a list of {key, operator, values}; operators are In, NotIn (with values),"
            " Exists, DoesNotExist (without)",
        )
    return selector


def _is_requirement(expression: object) -> bool:
    if not isinstance(expression, dict):
        return False
    key, operator = expression.get("key"), expression.get("operator")
    values = expression.get("values", [])
    return (
        isinstance(key, str)
        and _LABEL_KEY.fullmatch(key) is not None
        and operator in _OPERATORS
        and isinstance(values, list)
        and all(isinstance(value, str) for value in values)
        and bool(values) == (operator in _VALUE_OPERATORS)
    )
