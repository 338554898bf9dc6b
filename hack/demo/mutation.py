"""What the webhook makes of the labelled pod, and the token that the pod gets."""

import time
from dataclasses import dataclass
from typing import Any

from hack.demo.api import path_of
from hack.demo.checks import Seen
from hack.demo.errors import ApiRefused, DemoFailed
from hack.demo.pods import as_template, changes, difference
from hack.demo.scene import Scene
from hack.demo.tokens import checked_claims, readable_claims, request_token, wish_of
from identity.names import USE, VOLUME_PREFIX

Object = dict[str, Any]

_REGISTERED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Pods:
    """The labelled pod and the unlabelled one, without the webhook and with it."""

    labelled_without: Object
    unlabelled_without: Object
    labelled: Object
    unlabelled: Object


class Mutation:
    """Tells it, in the order of its methods."""

    def __init__(self, scene: Scene, registration: Object, authority_host: str) -> None:
        self._scene = scene
        self._registration = registration
        self._authority_host = authority_host

    def apply(self) -> Pods:
        """Apply the manifests, and show what became of the labelled pod."""
        told_of, screen, api = self._scene.told_of, self._scene.screen, self._scene.api
        screen.section(f"{told_of.path.name}: a labelled pod, and one that is not")
        labelled_before, unlabelled_before = self._look_ahead()
        with screen.step("registering the webhook with the API server"):
            self._scene.guest.make(self._registration)
            self._await_effect()
        with screen.step(f"applying {told_of.path.name}"):
            for wanted in told_of.objects:
                api.apply(wanted)
            labelled, unlabelled = (
                api.get(path_of(pod)) for pod in (told_of.labelled, told_of.unlabelled)
            )
        screen.section(f"What the webhook changed in pod {_name(labelled)}")
        screen.note("the pod as the API server stored it, against the same without the webhook")
        screen.difference(difference(labelled_before, labelled))
        if not changes(unlabelled_before, unlabelled):
            screen.note(f"pod {_name(unlabelled)} has no label {USE}: nothing changed")
        return Pods(labelled_before, unlabelled_before, labelled, unlabelled)

    def token(self, pods: Pods) -> tuple[str, Seen]:
        """Show the token that the labelled pod gets; return it, with all that was seen."""
        pod, screen, api = pods.labelled, self._scene.screen, self._scene.api
        wish = wish_of(pod)
        screen.section("The token that the pod gets")
        screen.note(f"the volume asks for audience {wish.audience}, {wish.seconds} s")
        with screen.step("asking the API server for it, as the pod's kubelet does"):
            token = request_token(api, pod, wish)
        with screen.step("checking its signature by the keys that the API server publishes"):
            claims = checked_claims(api, token, wish)
        screen.facts(readable_claims(claims))
        return token, Seen(
            labelled_without=pods.labelled_without,
            labelled=pod,
            unlabelled_without=pods.unlabelled_without,
            unlabelled=pods.unlabelled,
            again=api.apply(as_template(pod, f"{_name(pod)}-again"), dry_run=True),
            authority_host=self._authority_host,
            wish=wish,
            claims=claims,
        )

    def _look_ahead(self) -> list[Object]:
        """Ask what the two pods would be without the webhook: a dry run, nothing is stored."""
        told_of, api = self._scene.told_of, self._scene.api
        with self._scene.screen.step(
            "asking what the pods would be without the webhook (a dry run)"
        ):
            pods = [api.apply(pod, dry_run=True) for pod in (told_of.labelled, told_of.unlabelled)]
        if _has_our_volume(pods[0]):
            raise DemoFailed(
                "expected a cluster where nobody changes labelled pods yet, found a volume"
                f" {VOLUME_PREFIX}* in a pod before the webhook was registered: this cluster has"
                " a workload identity webhook already"
            )
        return pods

    def _await_effect(self) -> None:
        """Wait until the API server, which learns of it by a watch, asks the webhook."""
        end = time.monotonic() + _REGISTERED_SECONDS
        while not _has_our_volume(self._try()):
            if time.monotonic() > end:
                raise DemoFailed(
                    "expected the API server to ask the webhook within"
                    f" {_REGISTERED_SECONDS:.0f} s of its registration, found pods unchanged"
                )
            time.sleep(0.1)

    def _try(self) -> Object:
        try:
            return self._scene.api.apply(self._scene.told_of.labelled, dry_run=True)
        except ApiRefused as error:
            if "failed calling webhook" not in error.message:
                raise
            raise DemoFailed(
                f"expected the API server to reach the webhook, found: {error.message}"
                "\n    AZWI_HOST_ADDRESS names the address of this machine that it calls"
            ) from error


def _has_our_volume(pod: Object) -> bool:
    volumes = pod["spec"].get("volumes", [])
    return any(volume["name"].startswith(VOLUME_PREFIX) for volume in volumes)


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
