"""What the story needs: Entra ID, the webhook and the controller, each told of as it starts."""

import time
from typing import Any

from hack.cluster.programs import Program
from hack.demo import controller, entra, webhook
from hack.demo.api import Api
from hack.demo.controller import Means
from hack.demo.credentials import ALL
from hack.demo.entra import write_token
from hack.demo.errors import ApiRefused
from hack.demo.scene import Scene
from hack.demo.webhook import Place
from hack.emulator import Emulator
from identity.names import CLIENT_ID, DEFAULT_AUDIENCE

Object = dict[str, Any]

_DEFINED_SECONDS = 20.0
_NOT_YET = {404, 429}
"""Answers of an API server that does not serve, or not quite, what was defined."""


def refuse_what_is_there(scene: Scene) -> None:
    """Raise DemoFailed on a cluster where the demo would touch what is somebody's."""
    api, guest, told_of = scene.api, scene.guest, scene.told_of
    namespace, *_ = controller.namespace()
    guest.refuse_what_is_there(
        told_of.namespace,
        namespace,
        told_of.grant.role,
        told_of.grant.binding,
        webhook.ROLE,
        webhook.BINDING,
        webhook.REGISTERED,
        *(one for one in controller.rights() if "namespace" not in one["metadata"]),
        controller.probe_rights(told_of.namespace_name)[0],
    )
    accounts = api.get("/api/v1/serviceaccounts")["items"]
    guest.refuse_others(filter(_federates, accounts), f"ServiceAccounts annotated with {CLIENT_ID}")
    if api.find(controller.definition()):
        guest.refuse_others(_await_served(api), "FederatedIdentityCredentials")


def start_entra(scene: Scene) -> Emulator:
    """Start the emulator, with identities on which nothing stands yet."""
    screen, api = scene.screen, scene.api
    screen.section("Entra ID, played by the emulator")
    namespace, *accounts = controller.namespace()
    with screen.step(f"making namespace {controller.NAMESPACE}, with the controller's own account"):
        scene.guest.make(namespace)
        for account in accounts:
            scene.guest.make(account)
        issuer = entra.issuer_of(api)
    with screen.step("starting it (python -m emulator)"):
        seeded = entra.seed(scene.told_of, issuer, scene.cluster, controller.SUBJECT)
        token = token_of(api, controller.READER)
        emulator = scene.made.enter_context(entra.running(scene.cluster, seeded, token))
    screen.note(f"token endpoint, Graph and Resource Manager at {emulator.addresses.authority}")
    screen.facts((one.name, f"{one.kind} {one.client_id}") for one in entra.identities(emulator))
    return emulator


def start_webhook(scene: Scene, authority_host: str) -> tuple[Program, Place]:
    """Start the webhook; the API server is not told of it yet."""
    screen, cluster = scene.screen, scene.cluster
    screen.section("The webhook")
    with screen.step("making a certificate for its TLS"):
        place = webhook.prepare(cluster)
    with screen.step("giving it the right to read ServiceAccounts, and no other"):
        scene.guest.make(webhook.ROLE)
        scene.guest.make(webhook.BINDING)
        kubeconfig = cluster.kubeconfig_for(webhook.USER)
    with screen.step("starting it (python -m webhook)") as tell:
        program = scene.made.enter_context(
            webhook.running(cluster, place, kubeconfig, authority_host, tell)
        )
    screen.note(f"it answers at {place.url}")
    return program, place


def start_controller(scene: Scene, emulator: Emulator) -> Program:
    """Start the controller, which signs in to Entra ID by its own ServiceAccount's token."""
    screen, guest, told_of = scene.screen, scene.guest, scene.told_of
    screen.section("The controller")
    with screen.step("defining FederatedIdentityCredential (kubectl get fic)"):
        guest.share(controller.definition())
        _await_served(scene.api)
    with screen.step("giving it the rights that the chart gives it"):
        for right in controller.rights():
            guest.make(right)
    with screen.step(f"letting it prove credentials in namespace {told_of.namespace_name}"):
        guest.make(told_of.namespace)
        role, binding = controller.probe_rights(told_of.namespace_name)
        guest.make(role)
        guest.make(binding)
    guest.set_free_at_the_end(ALL)  # before their namespace goes, which would wait for them
    with screen.step("starting it (python -m controller)") as tell:
        means = _means(scene, emulator)
        program = scene.made.enter_context(
            controller.running(scene.cluster, means, told_of.namespace_name, tell)
        )
    screen.note("it signs in by its own workload identity, whose credential is made by hand")
    return program


def token_of(api: Api, account: str, *audiences: str) -> str:
    """Ask for a token of an account in the controller's namespace."""
    path = f"/api/v1/namespaces/{controller.NAMESPACE}/serviceaccounts/{account}/token"
    spec: Object = {"audiences": list(audiences)} if audiences else {}
    return str(api.post(path, {"spec": spec})["status"]["token"])


def _means(scene: Scene, emulator: Emulator) -> Means:
    cluster = scene.cluster
    token_file = cluster.folder / "controller.token"
    write_token(token_file, token_of(scene.api, controller.NAME, DEFAULT_AUDIENCE))
    kubeconfig = cluster.kubeconfig_for(controller.SUBJECT, controller.GROUPS)
    return Means(kubeconfig, token_file, emulator.addresses, entra.issuer_of(scene.api))


def _await_served(api: Api) -> list[Object]:
    """List the objects of the definition, as soon as the API server serves it."""
    end = time.monotonic() + _DEFINED_SECONDS
    while True:
        try:
            found: list[Object] = api.get(ALL)["items"]
        except ApiRefused as error:
            if error.status not in _NOT_YET or time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return found


def _federates(account: Object) -> bool:
    return CLIENT_ID in (account["metadata"].get("annotations") or {})
