"""A Lease as it stands in the API server, and as it is to stand there. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.config.settings import LeaseSettings


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease, read; what makes no sense in it reads as not said."""

    holder: str = ""
    """Empty: nobody holds it."""
    duration: float = 0.0
    """Seconds for which its holder may stay silent; 0: not said."""
    renewed: str = ""
    """As its holder's clock said it: tells one renewal from another, and no more than that."""
    transitions: int = 0
    version: str = ""
    """Its resourceVersion; empty: there is no Lease."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Record":
        """Read the object."""
        spec: Mapping[str, Any] = body.get("spec") or {}
        metadata: Mapping[str, Any] = body.get("metadata") or {}
        duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        return cls(
            holder=str(spec.get("holderIdentity") or ""),
            duration=max(0.0, float(duration)) if isinstance(duration, int) else 0.0,
            renewed=str(spec.get("renewTime") or ""),
            transitions=transitions if isinstance(transitions, int) else 0,
            version=str(metadata.get("resourceVersion") or ""),
        )


def held(
    body: Mapping[str, Any] | None, settings: LeaseSettings, now: datetime, *, taken: bool
) -> dict[str, Any]:
    """Return the object with us as its holder; `body` is what stands there, None if there is none.

    `taken`: it was not ours before. The resourceVersion in it stays, so that a write of it fails if
    anybody was faster.
    """
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    base: Mapping[str, Any] = body or {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": settings.name, "namespace": settings.namespace},
    }
    spec = dict(base.get("spec") or {})
    if taken:
        spec["acquireTime"] = at
        spec["leaseTransitions"] = Record.of(base).transitions + (1 if body else 0)
    spec["holderIdentity"] = settings.identity
    # Never less than what we count for ourselves: others wait for as long as this says.
    spec["leaseDurationSeconds"] = max(1, math.ceil(settings.duration))
    spec["renewTime"] = at
    return {**base, "spec": spec}


def released(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with nobody as its holder."""
    return {**body, "spec": {**body["spec"], "holderIdentity": ""}}
