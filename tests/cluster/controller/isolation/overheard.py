"""All that a controller has told a namespace, by the calls that it made."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from tests.gateway import Call, Ledger

_TIMES: Final = {"lastTransitionTime", "at", "firstTimestamp", "lastTimestamp"}
_NOT_SAID: Final = _TIMES | {"uid", "resourceVersion"}
"""These only say which object is meant."""
_HASH: Final = re.compile(r"(?<=\{own\})(-[a-z2-7]{20})?(\.[0-9a-f]{16})?")
"""Of what was written by its reader, at the end of a name: of objects, of Events."""


def told_to(ledger: Ledger, namespace: str) -> list[str]:
    """Return all that was written in a namespace, one line for each time."""
    inside = f"/namespaces/{namespace}/"
    return [
        _line(call)
        for call in ledger.calls
        if call.gateway == "kube" and call.kind == "write" and inside in call.path
    ]


def told_to_each(
    ledger: Ledger, namespace: str, readers: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return what each was told, with the same in the place of what each wrote itself.

    `readers` are names of ServiceAccounts or objects, with the identity that each has named.
    """
    lines = told_to(ledger, namespace)
    return {
        name: sorted(
            _HASH.sub("", line.replace(name, "{own}").replace(identity, "{identity}"))
            for line in lines
            if name in line
        )
        for name, identity in readers.items()
    }


def _line(call: Call) -> str:
    said = json.dumps(_said(call.json()), sort_keys=True) if call.body else ""
    return f"{call.method} {call.path} {said}"


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if key not in _NOT_SAID}
    return [_said(one) for one in value] if isinstance(value, list) else value
