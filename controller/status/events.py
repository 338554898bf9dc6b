"""Events, for those who look with `kubectl describe`: one for each thing that there is to say.

An Event's name is made from what it says, so that saying it again, after a restart too, counts it
up instead of making another one.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from controller.kube import AlreadyExists, Kube, KubeError, NotFound, Object, paths
from controller.model import Key
from controller.names import API_VERSION, COMPONENT, KIND
from identity.federation import Federation
from identity.names import ACCOUNT_ANNOTATIONS

_REMEMBERED: Final = 20_000
_LONGEST_NAME: Final = 200
_LONGEST_MESSAGE: Final = 1000

_log = logging.getLogger("azwi.controller.events")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an Event is about."""

    api_version: str
    kind: str
    key: Key
    uid: str

    @classmethod
    def account(cls, key: Key, uid: str) -> "Subject":
        """Return a ServiceAccount."""
        return cls("v1", "ServiceAccount", key, uid)

    @classmethod
    def credential(cls, key: Key, uid: str) -> "Subject":
        """Return one of our objects."""
        return cls(API_VERSION, KIND, key, uid)


class Events:
    """Posts Events. What was said of an object last is not said again while we remember it."""

    def __init__(self, kube: Kube, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._kube = kube
        self._now = now
        self._said: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        """Digests of messages, by whom they are about and reason: messages take more memory."""

    async def warn(self, subject: Subject, reason: str, message: str) -> None:
        """Say that something is wrong."""
        await self._say(subject, "Warning", reason, message)

    async def note(self, subject: Subject, reason: str, message: str) -> None:
        """Say that something was done."""
        await self._say(subject, "Normal", reason, message)

    async def _say(self, subject: Subject, kind: str, reason: str, message: str) -> None:
        message = message[:_LONGEST_MESSAGE]
        digest = hashlib.blake2b(message.encode(), digest_size=16).digest()
        if self._said.get((subject.uid, reason)) == digest:
            return
        try:
            await self._post(subject, kind, reason, message)
        except KubeError as error:
            # An Event is a courtesy: nothing waits for it, and conditions say the same.
            _log.warning("Event not posted", extra={"reason": reason, "error": str(error)})
            return
        self._said[subject.uid, reason] = digest
        while len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)

    async def _post(self, subject: Subject, kind: str, reason: str, message: str) -> None:
        body = self._body(subject, kind, reason, message)
        path = paths.events(subject.key.namespace)
        try:
            await self._kube.create(path, body)
        except AlreadyExists:
            name = body["metadata"]["name"]
            try:
                there = await self._kube.get(f"{path}/{name}")
                count = int(there.get("count") or 1) + 1
                again = {"count": count, "lastTimestamp": body["lastTimestamp"]}
                await self._kube.merge(f"{path}/{name}", again)
            except NotFound:
                await self._kube.create(path, body)

    def _body(self, subject: Subject, kind: str, reason: str, message: str) -> Object:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        said = f"{subject.uid}\0{kind}\0{reason}\0{message}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{subject.key.name[:_LONGEST_NAME].rstrip('.-')}.{digest}",
                "namespace": subject.key.namespace,
            },
            "involvedObject": {
                "apiVersion": subject.api_version,
                "kind": subject.kind,
                "namespace": subject.key.namespace,
                "name": subject.key.name,
                "uid": subject.uid,
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def advice_for(federation: Federation) -> list[tuple[str, str]]:
    """Return reason and message of what is wrong with a ServiceAccount's annotations. Pure."""
    notes = []
    if federation.faults:
        notes.append(("InvalidAnnotation", "; ".join(map(str, federation.faults))))
    if federation.unknown:
        known = ", ".join(sorted(ACCOUNT_ANNOTATIONS))
        unknown = ", ".join(federation.unknown)
        message = f"{unknown} means nothing on a ServiceAccount; misspelt? Those that do: {known}"
        notes.append(("UnknownAnnotation", message))
    return notes
