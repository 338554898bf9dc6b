"""Conditions and statuses of `FederatedIdentityCredential` objects. Pure.

Shape and rules of conditions:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from entra.errors import EntraError
from entra.model import SLOTS, FederatedCredential, Identity

AUTHORIZED: Final = "Authorized"
SYNCED: Final = "Synced"
VERIFIED: Final = "Verified"
READY: Final = "Ready"

_LONGEST_MESSAGE: Final = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, but for the moment of its last change."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    """CamelCase and stable: programs match on it."""
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is true."""
        return self.status == "True"


@dataclass(frozen=True, slots=True)
class Told:
    """All that one object's status is to say."""

    authorized: Condition
    synced: Condition
    verified: Condition | None = None
    """None where the probe is off, or can't be made for it."""
    credential: FederatedCredential | None = None
    adopted: bool = False
    identity: Identity | None = None
    """None for whoever is not authorized: it is none of theirs."""
    slots_used: int | None = None
    error: EntraError | None = None
    """What went wrong last, as long as it matters."""
    keeps_error: bool = False
    """What went wrong last is for somebody else to say: what stands of it stays."""
    probe: Mapping[str, Any] | None = None
    """What the access token said, for people."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, `Ready` made from the others."""
        parts = [self.authorized, self.synced]
        if self.verified:
            parts.append(self.verified)
        return (*parts, ready(parts))


def ready(parts: Sequence[Condition]) -> Condition:
    """Return the condition that sums up others: true if all are, else as the first that is not."""
    for part in parts:
        if not part.holds:
            return Condition(READY, part.status, part.reason, part.message)
    return Condition(READY, "True", "Ready", "the credential is in place")


def status_of(
    told: Told, generation: int, before: Mapping[str, Any], now: str
) -> dict[str, Any] | None:
    """Return the status to write; None if the one that stands says the same.

    `now` is RFC 3339. How many slots are used is not worth a write of its own: objects of one
    identity would be written for each other's sake.
    """
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": _conditions(told, generation, before.get("conditions") or (), now),
        "lastError": before.get("lastError")
        if told.keeps_error
        else _error(told.error, before.get("lastError"), now),
        # Whatever was found out about an identity is for those that it is granted to.
        **(_found_out(told) if told.authorized.holds else {}),
    }
    status = {name: value for name, value in status.items() if value is not None}
    return None if _worth(status) == _worth(before) else status


def troubled(error: EntraError, before: Mapping[str, Any], now: str) -> dict[str, Any] | None:
    """Return the status of an object whose credential stands while Entra can't be asked.

    What was true before is told still, and since when it can't be looked at; None: said already.
    """
    told = _error(error, before.get("lastError"), now)
    return None if told == before.get("lastError") else {**before, "lastError": told}


def _found_out(told: Told) -> dict[str, Any]:
    return {
        "credential": _credential(told.credential),
        "adopted": told.adopted or None,
        "identity": _identity(told.identity),
        "slots": None if told.slots_used is None else {"used": told.slots_used, "limit": SLOTS},
        "lastProbe": dict(told.probe) if told.probe else None,
    }


def _worth(status: Mapping[str, Any]) -> Mapping[str, Any]:
    rest = {name: value for name, value in status.items() if name != "slots"}
    return {**rest, "slots": "slots" in status}


def _conditions(
    told: Told, generation: int, before: Sequence[Mapping[str, Any]], now: str
) -> list[dict[str, Any]]:
    standing = {old.get("type"): old for old in before}
    return [
        {
            "type": condition.type,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message[:_LONGEST_MESSAGE],
            "observedGeneration": generation,
            "lastTransitionTime": _since(standing.get(condition.type), condition, now),
        }
        for condition in told.conditions
    ]


def _since(before: Mapping[str, Any] | None, condition: Condition, now: str) -> str:
    if before and before.get("status") == condition.status:
        return str(before.get("lastTransitionTime") or now)
    return now


def _credential(credential: FederatedCredential | None) -> dict[str, str] | None:
    if credential is None:
        return None
    fields = {
        "name": credential.name,
        "id": credential.id,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "audience": credential.audience,
    }
    return {name: value for name, value in fields.items() if value}


def _identity(identity: Identity | None) -> dict[str, str] | None:
    if identity is None:
        return None
    fields = {
        "kind": identity.kind.value.title().replace(" ", ""),
        "clientId": identity.client_id,
        "tenantId": identity.tenant_id,
        "resourceId": str(identity.resource) if identity.resource else "",
    }
    return {name: value for name, value in fields.items() if value}


def _error(
    error: EntraError | None, before: Mapping[str, Any] | None, now: str
) -> dict[str, Any] | None:
    if error is None:
        return None
    trace = error.trace
    fields = {
        "message": error.message,
        "service": trace.service,
        "code": trace.code or (str(trace.status) if trace.status else ""),
        "requestId": trace.request_id,
    }
    told: dict[str, Any] = {name: value for name, value in fields.items() if value}
    if before is None or not _same_trouble(before, told):
        return {**told, "at": now}
    if before.get("message") == told.get("message"):
        return dict(before)  # since when it lasts matters, not its last request
    return {**told, "at": before.get("at") or now}


def _same_trouble(before: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Tell whether it is what went wrong before: by code, or by words where there is none."""
    if before.get("service") != told.get("service") or before.get("code") != told.get("code"):
        return False
    return "code" in told or before.get("message") == told.get("message")
