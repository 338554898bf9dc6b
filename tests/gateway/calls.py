"""What a gateway writes down of each call, and what calls have in common."""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BY_APP_ID = re.compile(r"\(appId='[^']*'\)")
_KUBERNETES = re.compile(r"^/(api/[^/]+|apis/[^/]+/[^/]+)/(.*)$")
_NAMED_AFTER = frozenset(
    {
        "subscriptions",
        "resourceGroups",
        "userAssignedIdentities",
        "federatedIdentityCredentials",
        "applications",
        "servicePrincipals",
    }
)
_WATCHES = frozenset({"1", "true", "True"})
_READS = frozenset({"GET", "HEAD"})
_ASKED_BY_POST = re.compile(r"subjectaccessreviews|selfsubject|/token$|/oauth2/")


class Fate(Enum):
    """How far a call has come."""

    UNDER_WAY = "under way"
    ANSWERED = "answered by the upstream"
    MADE_UP = "answered by a rule"
    DROPPED_BEFORE = "dropped before it was forwarded"
    DROPPED_AFTER = "forwarded, its answer dropped"
    LEFT = "its caller left before the answer was passed on"
    FAILED = "the upstream could not be reached"


@dataclass(slots=True, eq=False)
class Call:
    """One call; `status` and `fate` are filled in as it goes on."""

    number: int
    """Counted from 1 over all gateways of a block, in the order of arrival."""
    gateway: str
    method: str
    path: str
    query: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    """As sent; it may hold a secret, so it is never shown."""
    at: float = field(default_factory=time.monotonic)
    status: int | None = None
    fate: Fate = Fate.UNDER_WAY

    @property
    def kind(self) -> str:
        """Tell a watch, a write and a read apart: reads are all that change nothing."""
        if self.query.get("watch") in _WATCHES:
            return "watch"
        if self.method in _READS or _ASKED_BY_POST.search(self.path):
            return "read"
        return "write"

    @property
    def template(self) -> str:
        """The path without the names that differ from run to run."""
        return template_of(self.path)

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)

    def __str__(self) -> str:
        """Return it as a line of a list for people."""
        watch = " (watch)" if self.kind == "watch" else ""
        return f"{self.gateway} {self.method} {self.template}{watch}"


def template_of(path: str) -> str:
    """Put `{namespace}`, `{name}` and `{id}` in the place of names."""
    if found := _KUBERNETES.match(path):
        return f"/{found[1]}/{'/'.join(_kubernetes(found[2].split('/')))}"
    parts = _BY_APP_ID.sub("(appId='{id}')", path).split("/")
    named = [
        "{name}" if before in _NAMED_AFTER and part else part
        for before, part in zip(["", *parts], parts, strict=False)
    ]
    return _UUID.sub("{id}", "/".join(named))


def _kubernetes(parts: list[str]) -> list[str]:
    if parts[0] == "namespaces" and len(parts) > 2:
        return ["namespaces", "{namespace}", *_kubernetes(parts[2:])]
    return [parts[0], *(["{name}"] if len(parts) > 1 else []), *parts[2:]]


class Ledger:
    """All calls of all gateways of a block; read from any thread."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._changed = threading.Condition()

    @property
    def calls(self) -> list[Call]:
        """All calls so far, in the order of their arrival."""
        with self._changed:
            return list(self._calls)

    def count(self, wanted: Callable[[Call], bool]) -> int:
        """Count the calls that are as wanted."""
        return sum(map(wanted, self.calls))

    def wait(self, enough: Callable[[list[Call]], bool], seconds: float = 30.0) -> list[Call]:
        """Wait until the list of all calls is as wanted; looked at whenever one has got further."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self._calls), seconds):
                last = "\n  ".join(
                    f"{call} {call.status or call.fate}" for call in self._calls[-20:]
                )
                raise AssertionError(f"not called as wanted in {seconds:.0f} s; last:\n  {last}")
            return list(self._calls)

    def pause(self, seconds: float) -> None:
        """Wait until a call comes or gets further, for so long at most."""
        with self._changed:
            self._changed.wait(seconds)

    def quiet(self, seconds: float, *, within: float, but: str = r"/leases/") -> None:
        """Wait until no call, but for watches and `but`, has come or is under way for a while."""
        end = time.monotonic() + within
        seen, since = -1, time.monotonic()
        with self._changed:
            while True:
                now = time.monotonic()
                counted = [
                    c for c in self._calls if c.kind != "watch" and not re.search(but, c.path)
                ]
                if len(counted) != seen or any(c.fate is Fate.UNDER_WAY for c in counted):
                    seen, since = len(counted), now
                if now - since >= seconds:
                    return
                if now > end:
                    raise AssertionError(f"calls went on for {within:.0f} s: {counted[-1]}")
                self._changed.wait(min(seconds, since + seconds - now + 0.001))

    def forget(self) -> None:
        """Begin a new list; the numbers begin anew."""
        with self._changed:
            self._calls.clear()
            self._changed.notify_all()

    def _enter(
        self, gateway: str, method: str, path: str, query: dict[str, str], body: bytes
    ) -> Call:
        with self._changed:
            call = Call(len(self._calls) + 1, gateway, method, path, query, body)
            self._calls.append(call)
            self._changed.notify_all()
            return call

    def _note(self, call: Call, fate: Fate, status: int | None = None) -> None:
        with self._changed:
            call.fate = fate
            call.status = status or call.status
            self._changed.notify_all()
