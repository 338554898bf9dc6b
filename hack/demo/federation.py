"""From the grant to nothing left: an identity's credential follows grant and annotation."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.demo.credentials import Credentials, State, message
from hack.demo.entra import write_token
from hack.demo.exchange import RESOURCE, TELLING, Refused, access_claims, exchange
from hack.demo.scene import Scene
from hack.demo.tokens import readable_claims
from hack.emulator import Emulator

Object = dict[str, Any]

_SOON = 60.0
"""Seconds in which the controller must have done what it does at once."""
_APART = 60.0
"""Seconds between the two denials, at least."""
_WITHDRAWN = 300.0
"""Seconds in which a withdrawn grant must have taken its credential away."""


@dataclass(frozen=True, slots=True)
class Change:
    """How it went when the annotation was changed."""

    state: State
    pod: Object
    """Made afterwards; it is not stored."""
    claims: Object
    """Of the access token that it gets."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How it went when the grant was taken away."""

    seconds: float
    """Until the credential was gone."""
    gone: State
    refused: str
    """The code by which the pod's token is refused afterwards; empty if it isn't."""
    granted_again: State


class Federation:
    """Tells what becomes of the credential, in the order of its methods."""

    def __init__(self, scene: Scene, emulator: Emulator) -> None:
        self._scene = scene
        self._emulator = emulator
        self._screen = scene.screen
        self._told_of = scene.told_of
        self._token_file = Path(scene.cluster.folder / "pod.token")
        self._credentials = Credentials(
            scene.api, emulator, scene.told_of.namespace_name, scene.screen
        )

    def grant(self) -> None:
        """Let an admin grant two identities."""
        told_of, screen = self._told_of, self._screen
        screen.section(f"{told_of.grant.path.name}: an admin grants two identities")
        with screen.step(f"applying {told_of.grant.path.name}"):
            self._scene.guest.make(told_of.grant.role)
            self._scene.guest.make(told_of.grant.binding)
        screen.facts(
            [
                ("who", f"ServiceAccount {told_of.account_name} of {told_of.namespace_name}"),
                ("may", "federate"),
                *(("identity", client_id) for client_id in told_of.grant.client_ids),
            ]
        )

    def annotate(self) -> State:
        """Let somebody annotate the ServiceAccount, and wait for what comes of it."""
        told_of, screen = self._told_of, self._screen
        screen.section("A ServiceAccount is annotated")
        with screen.step(f"annotating it: client-id {told_of.client_id}"):
            self._scene.api.apply(told_of.account)
        return self._await_ready(told_of.client_id)

    def exchange(self, pod: Object, token: str) -> Object:
        """Exchange the pod's token for an access token; return its claims."""
        screen = self._screen
        screen.section("An access token for it")
        screen.note(f"azure-identity asks for one for {RESOURCE}: no secret, no key,")
        screen.note("only the pod's variables and its token")
        write_token(self._token_file, token)
        with screen.step("exchanging the pod's token"):
            access_token = self._exchange(pod)
        with screen.step("checking its signature by the keys that the tenant publishes"):
            claims = access_claims(self._emulator, access_token)
        telling = {name: claims[name] for name in TELLING if name in claims}
        screen.facts(readable_claims(telling))
        return claims

    def change(self) -> Change:
        """Let the annotation name the other identity."""
        told_of, screen = self._told_of, self._screen
        screen.section("The annotation names another identity")
        with screen.step(f"annotating it: client-id {told_of.next_client_id}"):
            self._scene.api.apply(told_of.account_naming(told_of.next_client_id))
        with screen.step("waiting until the credential has moved") as tell:
            state = self._credentials.wait(
                "the credential on the other identity, and on that one only",
                lambda found: (
                    found.ready(told_of.next_client_id) and not found.subjects(told_of.client_id)
                ),
                _SOON,
                tell,
            )
        self._show(state)
        pod = self._pod_made_now()
        with screen.step("exchanging the token as a pod that is made now"):
            claims = access_claims(self._emulator, self._exchange(pod))
        screen.facts([("appid", str(claims.get("appid")))])
        return Change(state, pod, claims)

    def withdraw(self, pod: Object) -> Withdrawal:
        """Take the grant away; `pod` has the identity that it was about. Give it again."""
        told_of, screen, api = self._told_of, self._screen, self._scene.api
        screen.section("The grant is withdrawn")
        start = time.monotonic()
        with screen.step("deleting the ClusterRoleBinding"):
            api.delete(told_of.grant.binding)
        screen.note("bindings are often deleted and made anew: it takes two denials, at least")
        screen.note("60 s apart, to take a credential away. So this takes a minute")
        with screen.step("waiting until the credential is gone") as tell:
            gone = self._credentials.wait(
                "no credential without a grant",
                lambda found: found.barred and not found.subjects(told_of.next_client_id),
                _WITHDRAWN,
                lambda _: tell(f"{_left(start):.0f} s at least"),
            )
        seconds = time.monotonic() - start
        self._show(gone)
        screen.note("its condition Authorized says what to ask an admin for:")
        screen.quote(message(gone.objects[0], "Authorized"))
        with screen.step("exchanging the token once more"):
            refused = self._refusal(pod)
        screen.note(f"refused: {refused}" if refused else "it is exchanged all the same")
        screen.section("It is granted again")
        with screen.step("applying the ClusterRoleBinding"):
            api.apply(told_of.grant.binding)
        again = self._await_ready(told_of.next_client_id)
        return Withdrawal(seconds, gone, refused, again)

    def end(self) -> State:
        """Delete the ServiceAccount: nothing stays."""
        told_of, screen = self._told_of, self._screen
        screen.section("The ServiceAccount is deleted")
        with screen.step(f"deleting ServiceAccount {told_of.account_name}"):
            self._scene.api.delete(told_of.account)
        with screen.step("waiting until its credential is gone") as tell:
            state = self._credentials.wait(
                "no object and no credential of a ServiceAccount that is gone",
                lambda found: not found.objects and not found.subjects(told_of.next_client_id),
                _SOON,
                tell,
            )
        screen.note("all that is left in Entra ID: the controller's own, made by hand")
        self._credentials.show(state)
        return state

    def _await_ready(self, client_id: str) -> State:
        with self._screen.step("waiting until its credential is Ready") as tell:
            state = self._credentials.wait(
                "a credential that is Ready",
                lambda found: found.ready(client_id),
                _SOON,
                tell,
            )
        self._show(state)
        return state

    def _show(self, state: State) -> None:
        self._credentials.show(state, *self._told_of.grant.client_ids)

    def _pod_made_now(self) -> Object:
        """Ask what the labelled pod would be now: its ServiceAccount names another identity."""
        labelled = self._told_of.labelled
        metadata = {**labelled["metadata"], "name": f"{labelled['metadata']['name']}-now"}
        return self._scene.api.apply({**labelled, "metadata": metadata}, dry_run=True)

    def _exchange(self, pod: Object) -> str:
        return exchange(pod, self._token_file, self._emulator.addresses.ca)

    def _refusal(self, pod: Object) -> str:
        try:
            self._exchange(pod)
        except Refused as refused:
            return refused.code
        return ""


def _left(start: float) -> float:
    """Return the seconds that are still to pass."""
    return max(0.0, _APART - (time.monotonic() - start))
