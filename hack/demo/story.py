"""The demo from its first step to its last."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from hack.cluster import Cluster, local_cluster
from hack.cluster.programs import Program
from hack.demo import webhook
from hack.demo.api import Api, path_of
from hack.demo.checks import Seen, all_checks
from hack.demo.errors import ApiRefused, DemoFailed
from hack.demo.interruptions import Interruptions
from hack.demo.lent import Guest
from hack.demo.pods import as_template, changes, difference
from hack.demo.quick_start import QuickStart
from hack.demo.screen import Screen
from hack.demo.tokens import checked_claims, readable_claims, request_token, wish_of
from hack.demo.webhook import Place
from identity.names import USE, VOLUME_PREFIX

Object = dict[str, Any]

_REGISTERED_SECONDS = 20.0


class Story:
    """Tells it once. What it made is gone when `tell()` returns or raises."""

    def __init__(
        self,
        quick_start: QuickStart,
        screen: Screen,
        interruptions: Interruptions,
        environment: Mapping[str, str],
    ) -> None:
        self._told_of = quick_start
        self._screen = screen
        self._interruptions = interruptions
        self._environment = environment
        self.leftovers: list[str] = []
        """What could not be deleted from a cluster that was lent to us, in words."""
        self._anything_runs = False

    def tell(self) -> None:
        """Raise DemoFailed if anything isn't as it should be; ClusterError; Interrupted."""
        start = time.monotonic()
        made = ExitStack()
        try:
            self._live_through(made)
        finally:
            self._interruptions.hold()
            if self._anything_runs:
                self._screen.section("Cleaning up")
                with self._screen.step("ending what was started"):
                    made.close()
        self._last_words(time.monotonic() - start)

    def _live_through(self, made: ExitStack) -> None:
        screen = self._screen
        screen.section("A real API server")
        cluster = made.enter_context(
            local_cluster(progress=screen.progress, environment=self._environment)
        )
        self._anything_runs = True
        screen.note(f"kube-apiserver {cluster.version} at {cluster.url}, way: {cluster.way}")
        api = made.enter_context(Api(cluster.kubeconfig, own=cluster.ours))
        guest = Guest(api, cluster, made, self._interruptions, self.leftovers)
        screen.section("The webhook")
        with screen.step("making a certificate for its TLS"):
            place = webhook.prepare(cluster)
        registration = webhook.registration(place, self._told_of.namespace_name)
        guest.refuse_what_is_there(
            self._told_of.namespace, webhook.ROLE, webhook.BINDING, registration
        )
        program = self._start_webhook(made, cluster, guest, place)
        with webhook.log_shown(program):
            self._show(api, guest, registration)

    def _start_webhook(
        self, made: ExitStack, cluster: Cluster, guest: Guest, place: Place
    ) -> Program:
        with self._screen.step("giving it the right to read ServiceAccounts, and no other"):
            guest.make(webhook.ROLE)
            guest.make(webhook.BINDING)
            kubeconfig = cluster.kubeconfig_for(webhook.USER)
        with self._screen.step("starting it (python -m webhook)") as tell:
            program = made.enter_context(webhook.running(cluster, place, kubeconfig, tell))
        self._screen.note(f"it answers at {place.url}")
        return program

    def _show(self, api: Api, guest: Guest, registration: Object) -> None:
        """Apply the manifests, show what came of it, and check it."""
        told_of, screen = self._told_of, self._screen
        screen.section(f"{told_of.path.name}: a ServiceAccount and two pods")
        labelled_before, unlabelled_before = self._look_ahead(api, guest)
        with screen.step("registering the webhook with the API server"):
            guest.make(registration)
            self._await_effect(api)
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
        claims = self._show_token(api, labelled)
        screen.section("Is everything as it should be?")
        again = api.apply(as_template(labelled, f"{_name(labelled)}-again"), dry_run=True)
        seen = Seen(
            labelled_without=labelled_before,
            labelled=labelled,
            unlabelled_without=unlabelled_before,
            unlabelled=unlabelled,
            again=again,
            wish=wish_of(labelled),
            claims=claims,
        )
        self._check(seen)

    def _look_ahead(self, api: Api, guest: Guest) -> list[Object]:
        """Ask what the two pods would be without the webhook: a dry run, nothing is stored."""
        told_of = self._told_of
        with self._screen.step("asking what the pods would be without the webhook (a dry run)"):
            guest.make(told_of.namespace)
            api.apply(told_of.account)
            pods = [api.apply(pod, dry_run=True) for pod in (told_of.labelled, told_of.unlabelled)]
        if _has_our_volume(pods[0]):
            raise DemoFailed(
                "expected a cluster where nobody changes labelled pods yet, found a volume"
                f" {VOLUME_PREFIX}* in a pod before the webhook was registered: this cluster has"
                " a workload identity webhook already"
            )
        return pods

    def _await_effect(self, api: Api) -> None:
        """Wait until the API server, which learns of it by a watch, asks the webhook."""
        end = time.monotonic() + _REGISTERED_SECONDS
        while not _has_our_volume(self._try(api)):
            if time.monotonic() > end:
                raise DemoFailed(
                    "expected the API server to ask the webhook within"
                    f" {_REGISTERED_SECONDS:.0f} s of its registration, found pods unchanged"
                )
            time.sleep(0.1)

    def _try(self, api: Api) -> Object:
        try:
            return api.apply(self._told_of.labelled, dry_run=True)
        except ApiRefused as error:
            if "failed calling webhook" not in error.message:
                raise
            raise DemoFailed(
                f"expected the API server to reach the webhook, found: {error.message}"
                "\n    AZWI_HOST_ADDRESS names the address of this machine that it calls"
            ) from error

    def _show_token(self, api: Api, pod: Object) -> Object:
        screen, wish = self._screen, wish_of(pod)
        screen.section("The token that the pod gets")
        screen.note(f"the volume asks for audience {wish.audience}, {wish.seconds} s")
        with screen.step("asking the API server for it, as the pod's kubelet does"):
            token = request_token(api, pod, wish)
        with screen.step("checking its signature by the keys that the API server publishes"):
            claims = checked_claims(api, token, wish)
        screen.facts(readable_claims(claims))
        return claims

    def _check(self, seen: Seen) -> None:
        checks = all_checks(seen, self._told_of)
        for check in checks:
            self._screen.check(check)
        if failed := sum(not check.ok for check in checks):
            raise DemoFailed(f"{failed} of {len(checks)} checks failed, see above")

    def _last_words(self, seconds: float) -> None:
        self._screen.ending(
            f"All as it should be, in {seconds:.0f} s; nothing of it is left running.",
            f"In Azure, Entra ID exchanges such a token once a federated credential of identity"
            f"\n{self._told_of.client_id} names its iss and sub.",
            "Next: README.md says what a pod gets and how to run the webhook; an API server to try"
            "\nthings by hand: python -m hack.cluster up",
        )


def _has_our_volume(pod: Object) -> bool:
    volumes = pod["spec"].get("volumes", [])
    return any(volume["name"].startswith(VOLUME_PREFIX) for volume in volumes)


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
