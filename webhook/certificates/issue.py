"""The child process that makes certificates: `python -m webhook.certificates.issue`.

One JSON object comes on standard input and one goes to standard output; keys travel by no other
way, neither arguments nor variables nor messages.

    {"now": 1767225600, "authority": {"lifetime": 315360000},
     "serving": {"lifetime": 31536000, "names": ["..."],
                 "signer": {"certificate": "...", "key": "..."}}}

`authority` asks for a new CA; `serving` for a certificate signed by `signer`, or by the new CA
where that is absent. The answer has the same keys with `{"certificate", "key"}`, or is `{"error"}`.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

from webhook.certificates.making import (
    Pair,
    make_authority,
    make_authority_key,
    make_serving,
    moment,
)

NICENESS = 10
"""Admissions on the same core go first."""


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Make what is ordered; pure but for the randomness of keys."""
    now = moment(order["now"])
    made: dict[str, Any] = {}
    signer = None
    if (wanted := order.get("authority")) is not None:
        lifetime = timedelta(seconds=wanted["lifetime"])
        signer = make_authority(make_authority_key(), now, lifetime)
        made["authority"] = _told(signer)
    if (wanted := order.get("serving")) is not None:
        given = wanted.get("signer")
        if given is not None:
            signer = Pair(given["certificate"].encode(), given["key"].encode())
        if signer is None:
            raise ValueError("nobody is there to sign")
        lifetime = timedelta(seconds=wanted["lifetime"])
        made["serving"] = _told(make_serving(signer, wanted["names"], now, lifetime))
    return made


def _told(pair: Pair) -> dict[str, str]:
    return {"certificate": pair.certificate.decode(), "key": pair.key.decode()}


def main() -> int:
    """Read, make, write; an error is told by its type alone, since its text might quote a key."""
    os.nice(NICENESS)
    try:
        made = answer(json.load(sys.stdin))
    except Exception as error:  # noqa: BLE001  the boundary of the process
        json.dump({"error": type(error).__name__}, sys.stdout)
        return 1
    json.dump(made, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
