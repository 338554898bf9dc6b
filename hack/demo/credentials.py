"""`FederatedIdentityCredential` objects as the demo waits for them and shows them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hack.demo.api import Api
from hack.demo.entra import Identity, identities
from hack.demo.errors import DemoFailed
from hack.demo.screen import Screen
from hack.emulator import Emulator

Object = dict[str, Any]

ALL = "/apis/azure.workload.identity/v1alpha1/federatedidentitycredentials"
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class State:
    """The objects of a namespace, and all identities in Entra ID, at about the same time."""

    objects: tuple[Object, ...]
    identities: tuple[Identity, ...]

    def identity(self, client_id: str) -> Identity:
        """Return an identity."""
        return next(one for one in self.identities if one.client_id == client_id)

    def subjects(self, client_id: str) -> list[str]:
        """List whose tokens an identity trusts."""
        return [one["subject"] for one in self.identity(client_id).credentials]

    def ready(self, client_id: str) -> bool:
        """Tell whether the identity's object is the only one, and ready."""
        found = [
            (one["spec"]["identity"].get("clientId"), condition(one, "Ready")[0])
            for one in self.objects
        ]
        return found == [(client_id, "True")]

    @property
    def barred(self) -> bool:
        """Whether there is one object, whose grant is denied."""
        return [condition(one, "Authorized")[0] for one in self.objects] == ["False"]

    def __str__(self) -> str:
        """Say it in few words, for people who wait."""
        if not self.objects:
            return "no object"
        status, reason = condition(self.objects[0], "Ready")
        if not status:
            return "not looked at yet"
        more = f" and {len(self.objects) - 1} more" if len(self.objects) > 1 else ""
        return f"Ready={status} {reason}{more}".strip()


def condition(credential: Object, kind: str) -> tuple[str, str]:
    """Return status and reason of a condition; nothing where it isn't told."""
    found = _condition(credential, kind)
    return str(found.get("status", "")), str(found.get("reason", ""))


def message(credential: Object, kind: str) -> str:
    """Return what a condition says in words."""
    return str(_condition(credential, kind).get("message", ""))


class Credentials:
    """Looks at both sides: the API server's objects, and what stands in Entra ID."""

    def __init__(self, api: Api, emulator: Emulator, namespace: str, screen: Screen) -> None:
        self._api = api
        self._emulator = emulator
        self._namespace = namespace
        self._path = ALL.replace("/federated", f"/namespaces/{namespace}/federated")
        self._screen = screen

    def state(self) -> State:
        """Look at both."""
        objects = tuple(self._api.get(self._path)["items"])
        return State(objects, tuple(identities(self._emulator)))

    def wait(
        self,
        what: str,
        reached: Callable[[State], bool],
        seconds: float,
        tell: Callable[[str], None],
    ) -> State:
        """Wait until it is as it should be; DemoFailed if it isn't in time."""
        end = time.monotonic() + seconds
        while not reached(state := self.state()):
            if time.monotonic() > end:
                raise DemoFailed(
                    f"expected {what} within {seconds:.0f} s, found {state}"
                    + "".join(f"\n    {line}" for line in _told(state))
                )
            tell(str(state))
            time.sleep(_POLL_SECONDS)
        return state

    def show(self, state: State, *client_ids: str) -> None:
        """Show the table that kubectl prints, and what stands on the identities."""
        self._screen.table(f"kubectl get fic -n {self._namespace}", self._api.table(self._path))
        self.show_entra(state, *client_ids)

    def show_entra(self, state: State, *client_ids: str) -> None:
        """Show whom the identities trust; all of them if none is named."""
        self._screen.note("in Entra ID:")
        shown = [state.identity(one) for one in client_ids] or state.identities
        self._screen.facts(row for identity in shown for row in _rows(identity))


def _rows(identity: Identity) -> list[tuple[str, str]]:
    if not identity.credentials:
        return [(identity.name, "trusts nobody")]
    return [(identity.name, f"trusts {one['subject']}") for one in identity.credentials]


def _condition(credential: Object, kind: str) -> Object:
    conditions = credential.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def _told(state: State) -> list[str]:
    objects = [
        f"{one['metadata']['name']}: {kind['type']}={kind['status']} {kind['reason']}:"
        f" {kind['message']}"
        for one in state.objects
        for kind in one.get("status", {}).get("conditions", [])
    ]
    stand = [": ".join(row) for identity in state.identities for row in _rows(identity)]
    return objects + stand
