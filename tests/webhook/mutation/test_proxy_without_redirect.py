"""The proxy where nothing is redirected to it: who is told of it, and what a namespace may ask."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msal
import pytest
import requests
from azure.identity import ManagedIdentityCredential

from identity.names import AZURE_POD_IDENTITY_AUTHORITY_HOST
from tests.builders import Json, a_config, a_container, a_pod, a_proxy
from tests.webhook.mutation.running import Mutated, mutated

ASKED = {"inject-proxy-sidecar": "true", "proxy-redirect": "false"}
CONTAINED: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
OF_THE_POD: Json = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def told_of_the_proxy(after: Mutated) -> dict[str, str]:
    spec = after.pod["spec"]
    return {
        container["name"]: variable["value"]
        for container in spec.get("initContainers", []) + spec["containers"]
        for variable in container.get("env", [])
        if variable["name"] == AZURE_POD_IDENTITY_AUTHORITY_HOST
    }


def offences(pod: Json) -> list[str]:
    """What the restricted Pod Security Standard has against a pod's security contexts.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    spec = pod["spec"]
    of_the_pod = spec.get("securityContext", {})
    found = []
    for container in spec.get("initContainers", []) + spec["containers"]:
        own = container.get("securityContext", {})
        capabilities = own.get("capabilities", {})
        whole = {**of_the_pod, **own}
        rules = {
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities.drop": "ALL" in capabilities.get("drop", []),
            "capabilities.add": not set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"},
            "privileged": not own.get("privileged"),
            "runAsNonRoot": whole.get("runAsNonRoot") is True,
            "runAsUser": whole.get("runAsUser") != 0,
            "seccompProfile": whole.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{container['name']}: {rule}" for rule, kept in rules.items() if not kept]
    return found


def a_restricted_pod(annotations: dict[str, str], *, by_pod: bool) -> Json:
    own = CONTAINED if by_pod else CONTAINED | OF_THE_POD
    pod = a_pod(
        a_container(securityContext=own),
        init=[a_container("migrate", securityContext=own)],
        annotations=annotations,
    )
    if by_pod:
        pod["spec"]["securityContext"] = OF_THE_POD
    return pod


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("by_pod", [True, False])
def test_a_pod_that_passes_the_restricted_standard_still_does(by_pod: bool, native: bool) -> None:
    config = a_config(proxy=a_proxy(native_sidecar=native))
    pod = a_restricted_pod(ASKED, by_pod=by_pod)
    assert offences(pod) == []
    assert offences(mutated(pod, config=config).pod) == []


def test_with_the_redirect_it_does_not() -> None:
    pod = a_restricted_pod({**ASKED, "proxy-redirect": "true"}, by_pod=True)
    assert offences(mutated(pod).pod) == [
        "azwi-proxy-init: capabilities.add",
        "azwi-proxy-init: runAsNonRoot",
        "azwi-proxy-init: runAsUser",
    ]


@pytest.mark.parametrize(
    ("setting", "written", "redirected"),
    [
        (True, None, True),
        (False, None, False),
        (True, "false", False),
        (True, "FALSE", False),
        (False, "true", True),
        (False, "True", True),
        (True, "no", True),
        (False, "no", False),
        (False, "", False),
    ],
)
def test_the_pods_word_goes_before_the_webhooks_setting(
    setting: bool, written: str | None, redirected: bool
) -> None:
    annotations = {"inject-proxy-sidecar": "true"}
    if written is not None:
        annotations["proxy-redirect"] = written
    after = mutated(
        a_pod(annotations=annotations), config=a_config(proxy=a_proxy(redirect=setting))
    )
    expected = ["azwi-proxy-init", "azwi-proxy"] if redirected else ["azwi-proxy"]
    assert after.names("initContainers") == expected
    assert bool(told_of_the_proxy(after)) is not redirected


def test_all_are_told_of_the_proxy_but_itself_and_those_that_are_skipped() -> None:
    pod = a_pod(
        *("app", "logs"),
        init=["migrate"],
        annotations={**ASKED, "proxy-sidecar-port": "9001", "skip-containers": "logs"},
    )
    url = "http://127.0.0.1:9001"
    assert told_of_the_proxy(mutated(pod)) == {"migrate": url, "app": url}


def test_an_init_container_that_would_find_nobody_there_is_not_told() -> None:
    config = a_config(proxy=a_proxy(native_sidecar=False))
    after = mutated(a_pod(init=["migrate"], annotations=ASKED), config=config)
    assert after.names("containers") == ["azwi-proxy", "app"]
    assert told_of_the_proxy(after).keys() == {"app"}


def test_nobody_is_told_where_no_proxy_is_asked_for() -> None:
    after = mutated(a_pod(annotations={"proxy-redirect": "false"}))
    assert told_of_the_proxy(after) == {}
    assert after.warnings == []


class Sidecar(BaseHTTPRequestHandler):
    """Answers for the instance metadata service."""

    def do_GET(self) -> None:
        token = {"access_token": self.path, "expires_in": "3600", "resource": "r"}
        answer = json.dumps(token).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sidecar() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Sidecar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_sdks_of_azure_ask_where_the_variable_says(
    sidecar: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = mutated(a_pod(annotations={**ASKED, "proxy-sidecar-port": str(sidecar)}))
    monkeypatch.setenv(AZURE_POD_IDENTITY_AUTHORITY_HOST, told_of_the_proxy(after)["app"])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    asked = "/metadata/identity/oauth2/token?"

    with requests.Session() as session:
        client = msal.ManagedIdentityClient(
            msal.SystemAssignedManagedIdentity(), http_client=session
        )
        answer = client.acquire_token_for_client(resource="https://vault.azure.net")
    assert answer["access_token"].startswith(asked)

    with ManagedIdentityCredential() as credential:
        assert credential.get_token("https://vault.azure.net/.default").token.startswith(asked)
