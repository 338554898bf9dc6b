"""The demo from its first step to its last."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from hack.cluster import local_cluster
from hack.demo import stage, webhook
from hack.demo.api import Api
from hack.demo.checks import Seen, all_checks
from hack.demo.credential_checks import Followed, credential_checks
from hack.demo.errors import DemoFailed
from hack.demo.federation import Federation
from hack.demo.interruptions import Interruptions
from hack.demo.lent import Guest
from hack.demo.mutation import Mutation
from hack.demo.processes import log_shown
from hack.demo.quick_start import QuickStart
from hack.demo.scene import Scene
from hack.demo.screen import Screen


class Story:
    """Tells it once. What it made is gone when `tell()` returns or raises."""

    def __init__(
        self,
        quick_start: QuickStart,
        screen: Screen,
        interruptions: Interruptions,
        environment: Mapping[str, str],
        *,
        withdraws: bool = True,
    ) -> None:
        self._told_of = quick_start
        self._screen = screen
        self._interruptions = interruptions
        self._environment = environment
        self._withdraws = withdraws
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
        scene = Scene(self._told_of, screen, cluster, api, guest, made)
        stage.refuse_what_is_there(scene)
        self._check(*self._show(scene))

    def _show(self, scene: Scene) -> tuple[Seen, Followed]:
        """Start everything, and tell of it in the order in which people do such things."""
        told_of = self._told_of
        emulator = stage.start_entra(scene)
        authority_host = f"{emulator.addresses.authority}/"
        webhook_program, place = stage.start_webhook(scene, authority_host)
        controller_program = stage.start_controller(scene, emulator)
        registration = webhook.registration(place, told_of.namespace_name)
        mutation = Mutation(scene, registration, authority_host)
        federation = Federation(scene, emulator)
        with log_shown(controller_program):
            federation.grant()
            ready = federation.annotate()
        with log_shown(webhook_program):
            pods = mutation.apply()
            token, seen = mutation.token(pods)
        with log_shown(controller_program):
            claims = federation.exchange(pods.labelled, token)
            change = federation.change()
            withdrawal = federation.withdraw(change.pod) if self._withdraws else None
            end = federation.end()
        return seen, Followed(ready, claims, change, withdrawal, end)

    def _check(self, seen: Seen, followed: Followed) -> None:
        self._screen.section("Is everything as it should be?")
        checks = [*all_checks(seen, self._told_of), *credential_checks(followed, self._told_of)]
        for check in checks:
            self._screen.check(check)
        if failed := sum(not check.ok for check in checks):
            raise DemoFailed(f"{failed} of {len(checks)} checks failed, see above")

    def _last_words(self, seconds: float) -> None:
        self._screen.ending(
            f"All as it should be, in {seconds:.0f} s; nothing of it is left running.",
            "What an admin grants: examples/grant.yaml. What people annotate and label:"
            f"\n{self._told_of.path.name}. The emulator of Entra ID: docs/emulator.md.",
            "An API server to try things by hand: python -m hack.cluster up",
        )
