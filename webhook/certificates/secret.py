"""The Secret: what its keys and notes come to, and the changed object to write.

| Key | Holds |
|---|---|
| `ca.crt` | the whole bundle, the CA that signed `tls.crt` first |
| `ca.key` | the key of that first CA: RSA, PKCS#1 |
| `tls.crt`, `tls.key` | the serving certificate |
| `next-ca.crt`, `next-ca.key` | a CA that stands in the bundle and has not signed anything yet |

The original knows the first four, reads the first certificate of `ca.crt` as the CA, and leaves
other keys and annotations alone. What an annotation of ours holds, see `Notes`.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from identity.names import PREFIX
from webhook.certificates import pem
from webhook.certificates.errors import Unusable
from webhook.certificates.inspection import Authority, Serving, authorities, serving, signs
from webhook.certificates.issuer import KeyPair

CA_CERTIFICATE: Final = "ca.crt"
CA_KEY: Final = "ca.key"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
NEXT_CERTIFICATE: Final = "next-ca.crt"
NEXT_KEY: Final = "next-ca.key"

KEYS: Final = (CA_CERTIFICATE, CA_KEY, CERTIFICATE, KEY, NEXT_CERTIFICATE, NEXT_KEY)
"""All that what a Secret comes to depends on."""

SETTLED: Final = PREFIX + "settled-authorities"
REPLICAS: Final = PREFIX + "serving-replicas"
ROTATE: Final = PREFIX + "rotate"
"""Set by a person: `ca` or `serving` asks for a new one now; taken off when that is done."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a replica says of itself: the authority that its clients must trust."""

    authority: str
    at: float
    """When it said so, to the second, by its own clock."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What replicas tell one another, in annotations of the Secret."""

    settled: frozenset[str] | None = None
    """Authorities that every API server trusts by now; None: nobody of ours has noted any."""
    reports: Mapping[str, Report] = field(default_factory=dict)
    """By replica."""
    requests: frozenset[str] = frozenset()
    """`ca`, `serving`: to be made anew without being due."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a Secret comes to; an absent one comes to nothing of anything."""

    bundle: tuple[Authority, ...] = ()
    bundle_pem: bytes = b""
    """`ca.crt` to the byte, which `caBundle` has to equal."""
    signer: KeyPair | None = None
    """The first CA of the bundle, if the original, too, could sign with its key."""
    serving: Serving | None = None
    """None: `tls.crt` is not usable under the first CA; `fault` says why."""
    fault: str = ""
    upcoming: Authority | None = None
    """The next CA: its key is there and it stands in the bundle."""
    upcoming_pair: KeyPair | None = None
    notes: Notes = field(default_factory=Notes)


def data_of(secret: Json) -> dict[str, bytes]:
    """Decode the data; a value that is not base64 counts as empty."""
    return {key: _decode(value) for key, value in (secret.get("data") or {}).items()}


def read(data: Mapping[str, bytes], name: str, min_version: str) -> Contents:
    """Find out what a Secret's data comes to, with `name` as what API servers ask for.

    It takes about 5 ms; notes are left for `notes_of`.
    """
    bundle_pem = data.get(CA_CERTIFICATE, b"")
    bundle = authorities(bundle_pem)
    contents = Contents(bundle=bundle, bundle_pem=bundle_pem)
    if not _first_is_readable(bundle_pem, bundle):
        return replace(contents, fault="ca.crt does not begin with a CA")
    first, key = bundle[0], data.get(CA_KEY, b"")
    signer = KeyPair(first.pem.encode(), key) if signs(first, key) else None
    upcoming = _upcoming(data, bundle)
    found, fault = None, ""
    try:
        pair = data.get(CERTIFICATE, b""), data.get(KEY, b"")
        found = serving(*pair, bundle[:1], name, min_version)
    except Unusable as error:
        fault = f"tls.crt: {error}"
    next_key = data.get(NEXT_KEY, b"")
    return replace(
        contents,
        signer=signer,
        serving=found,
        fault=fault,
        upcoming=upcoming,
        upcoming_pair=KeyPair(upcoming.pem.encode(), next_key) if upcoming else None,
    )


def notes_of(secret: Json) -> Notes:
    """Read the annotations; what makes no sense counts as absent, since anybody may write there."""
    annotations = secret.get("metadata", {}).get("annotations") or {}
    settled = annotations.get(SETTLED)
    return Notes(
        settled=None if settled is None else frozenset(_entries(settled)),
        reports=_reports(annotations.get(REPLICAS, "")),
        requests=frozenset(_entries(annotations.get(ROTATE, ""))),
    )


def changed(secret: Json, data: Mapping[str, bytes | None], notes: Notes) -> Json:
    """Return the Secret with some data written (None: taken out) and its notes; all else stays."""
    kept = {k: v for k, v in (secret.get("data") or {}).items() if k not in data}
    new = {k: base64.b64encode(v).decode() for k, v in data.items() if v is not None}
    metadata = secret.get("metadata", {})
    annotations = {
        k: v
        for k, v in (metadata.get("annotations") or {}).items()
        if k not in {SETTLED, REPLICAS, ROTATE}
    }
    return {
        **secret,
        "metadata": {**metadata, "annotations": {**annotations, **_annotations(notes)}},
        "data": {**kept, **new},
    }


def empty(namespace: str, name: str) -> Json:
    """Return a Secret to be created."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": "Opaque",
    }


def bundle_of(members: Iterable[Authority]) -> bytes:
    """Return the PEM of a bundle in this order, each member once."""
    return "".join({member.fingerprint: member.pem for member in members}.values()).encode()


def _first_is_readable(bundle_pem: bytes, bundle: tuple[Authority, ...]) -> bool:
    """Tell whether the first block is a CA: the original takes it for one, whatever it is."""
    blocks = pem.split(bundle_pem)
    return bool(bundle) and pem.fingerprint(blocks[0]) == bundle[0].fingerprint


def _upcoming(data: Mapping[str, bytes], bundle: tuple[Authority, ...]) -> Authority | None:
    found = authorities(data.get(NEXT_CERTIFICATE, b""))
    if len(found) != 1 or found[0] not in bundle[1:]:
        return None
    return found[0] if signs(found[0], data.get(NEXT_KEY, b"")) else None


def _decode(value: object) -> bytes:
    try:
        return base64.b64decode(value) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",") if entry.strip()]


def _reports(value: str) -> dict[str, Report]:
    try:
        told = json.loads(value)
        return {
            str(replica): Report(str(one["authority"]), _seconds(one["at"]))
            for replica, one in told.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _annotations(notes: Notes) -> dict[str, str]:
    annotations = {}
    if notes.settled is not None:
        annotations[SETTLED] = ",".join(sorted(notes.settled))
    if notes.reports:
        told = {
            replica: {"authority": report.authority, "at": _moment(report.at)}
            for replica, report in sorted(notes.reports.items())
        }
        annotations[REPLICAS] = json.dumps(told, separators=(",", ":"))
    if notes.requests:
        annotations[ROTATE] = ",".join(sorted(notes.requests))
    return annotations


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(moment: str) -> float:
    """Read a moment; raises ValueError for one that `_moment` could not write again."""
    told = datetime.fromisoformat(moment)
    if told.tzinfo is None or not _FIRST <= told <= _LAST:
        raise ValueError("no moment that a replica would note")
    return told.timestamp()
