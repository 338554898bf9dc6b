# ruff: noqa: INP001, T201 - no module of a package, and a program for people
"""What `helm test` runs in a pod: it finds out whether a labelled pod gets its identity.

It asks the API server for two pods, each as a dry run, so that none is ever made: one with the
label `azure.workload.identity/use: "true"`, which has to come back with a projected token, its
mount and the variables that SDKs read, and one without, which has to come back without. It runs in
the webhook's image, with what Python itself brings.

    TENANT_ID, CLIENT_ID, AUDIENCE   what the labelled pod is to get
    NAMESPACE, SERVICE_ACCOUNT       whose pods; the ServiceAccount names CLIENT_ID
    PATIENCE                         seconds for which it tries again, after an installation say

Prints what was found, or what was found and expected; ends with 0, or with 1.
"""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Object = dict[str, Any]

USE: Final = "azure.workload.identity/use"
VOLUME_PREFIX: Final = "azure-workload-identity-reserved-"
CONTAINER: Final = "app"
SECRETS: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT: Final = 40
"""Seconds for one request; the API server waits for a webhook for 30 at most."""
_PAUSE: Final = 2.0

_UNCHANGED: Final = (
    f'a pod with the label {USE}: "true" came back as it was sent. Either the API server does not'
    " ask the webhook about it: is the MutatingWebhookConfiguration"
    " azure-wi-webhook-mutating-webhook-configuration there, and do its namespaceSelector and"
    " matchConditions take pods of the namespace {namespace}? Or the webhook did not answer, and"
    " its failurePolicy is Ignore: look at its pods and their log."
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a labelled pod is to get, and whose it is."""

    namespace: str
    account: str
    client_id: str
    tenant_id: str
    audience: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said of a pod."""

    status: int
    body: Object
    warnings: tuple[str, ...] = ()

    @property
    def is_created(self) -> bool:
        """Whether the pod would be made."""
        return self.status == 201

    @property
    def message(self) -> str:
        """The words of a refusal."""
        return str(self.body.get("message", self.body))


class Failed(Exception):  # noqa: N818 - it says what happened
    """The test has failed; the text says why."""


class Undecided(Failed):
    """... unless it is only too early: worth another try."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API server, for one kind of request."""

    url: str
    secrets: Path = SECRETS

    def create_pod(self, namespace: str, pod: Object) -> Answer:
        """Ask for a pod as a dry run; raises Undecided where nobody answers."""
        request = urllib.request.Request(  # noqa: S310 - https, from main()
            f"{self.url}/api/v1/namespaces/{namespace}/pods?dryRun=All",
            data=json.dumps(pod).encode(),
            headers={
                "Authorization": f"Bearer {(self.secrets / 'token').read_text().strip()}",
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
        )
        context = ssl.create_default_context(cafile=os.fspath(self.secrets / "ca.crt"))
        # Authorities of older clusters lack what Python 3.13 asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # Whatever proxy there is, the API server is not behind it.
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with direct.open(request, timeout=_TIMEOUT) as answer:
                warnings = tuple(answer.headers.get_all("Warning") or ())
                return Answer(answer.status, json.loads(answer.read()), warnings)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, _json(error.read()))
        except OSError as error:
            raise Undecided(f"the API server at {self.url} can't be reached: {error}") from error


def a_pod(account: str, *, labelled: bool) -> Object:
    """Write a pod that the restricted Pod Security Standard takes."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "azwi-helm-test-",
            "labels": {USE: "true"} if labelled else {},
        },
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": CONTAINER,
                    "image": "registry.example/never-pulled:1",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "1m", "memory": "1Mi"},
                        "limits": {"cpu": "1m", "memory": "1Mi"},
                    },
                }
            ],
        },
    }


def check(api: Api, expected: Expected) -> list[str]:
    """Ask for both pods; returns what was found, raises Failed."""
    answer = api.create_pod(expected.namespace, a_pod(expected.account, labelled=True))
    if not answer.is_created:
        raise _refusal(answer)
    if not _ours(answer.body) and not variables_of(answer.body):
        raise Undecided(_UNCHANGED.format(namespace=expected.namespace))
    if faults := list(faults_of(answer.body, expected)):
        raise Failed("a labelled pod came back otherwise than it should:\n  " + "\n  ".join(faults))
    plain = api.create_pod(expected.namespace, a_pod(expected.account, labelled=False))
    if not plain.is_created:
        raise _refusal(plain)
    if _ours(plain.body) or variables_of(plain.body):
        raise Failed(
            f"a pod without the label {USE} was changed; expected it as it was sent. Does something"
            " add the label, or does the webhook's objectSelector not ask for it?"
        )
    return [
        *(f"{name}={value}" for name, value in sorted(variables_of(answer.body).items())),
        f"a token for the audience {expected.audience}",
        "a pod without the label was left alone",
        *(f"the API server warned: {warning}" for warning in answer.warnings),
    ]


def faults_of(pod: Object, expected: Expected) -> Iterator[str]:
    """Tell what a labelled pod lacks, or has wrong."""
    variables = variables_of(pod)
    for name, wanted in (
        ("AZURE_CLIENT_ID", expected.client_id),
        ("AZURE_TENANT_ID", expected.tenant_id),
    ):
        if variables.get(name) != wanted:
            yield f"{name} is {_shown(variables.get(name))}; expected {_shown(wanted)}"
    host = variables.get("AZURE_AUTHORITY_HOST")
    if not (host or "").startswith("https://"):
        yield f"AZURE_AUTHORITY_HOST is {_shown(host)}; expected an https address"
    tokens = {
        source["serviceAccountToken"].get("path"): source["serviceAccountToken"]
        for volume in _ours(pod)
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    }
    if not tokens:
        yield f"there is no volume {VOLUME_PREFIX}... with a projected token; expected one"
        return
    for path, token in tokens.items():
        if token.get("audience") != expected.audience:
            yield (
                f"the token {path} is for the audience {_shown(token.get('audience'))};"
                f" expected {_shown(expected.audience)}"
            )
    yield from _faults_of_mounts(pod, variables.get("AZURE_FEDERATED_TOKEN_FILE"), tokens)


def _faults_of_mounts(
    pod: Object, file: str | None, tokens: Mapping[str | None, Object]
) -> Iterator[str]:
    names = {volume["name"] for volume in _ours(pod)}
    mounts = [one for one in _container(pod).get("volumeMounts", []) if one["name"] in names]
    if not mounts:
        yield "the volume with the token is mounted nowhere; expected a mount in the container"
        return
    for mount in mounts:
        if not mount.get("readOnly"):
            yield f"the mount {mount['mountPath']} can be written to; expected readOnly"
    places = [f"{mount['mountPath']}/{path}" for mount in mounts for path in tokens]
    if file not in places:
        yield (
            f"AZURE_FEDERATED_TOKEN_FILE is {_shown(file)}; expected where the token is:"
            f" {' or '.join(places)}"
        )


def variables_of(pod: Object) -> dict[str, str]:
    """Return our variables of the container, by name."""
    return {
        variable["name"]: variable.get("value", "")
        for variable in _container(pod).get("env", [])
        if variable["name"].startswith("AZURE_")
    }


def _container(pod: Object) -> Object:
    found: Object = next(
        one for one in pod["spec"]["containers"] if one["name"] == CONTAINER
    )  # other webhooks may have put theirs before it
    return found


def _ours(pod: Object) -> list[Object]:
    return [
        volume
        for volume in pod["spec"].get("volumes", [])
        if volume["name"].startswith(VOLUME_PREFIX)
    ]


def _refusal(answer: Answer) -> Failed:
    if answer.status >= 500:
        return Undecided(
            f"the API server could not have the pod reviewed: {answer.message}. Look at the"
            " webhook's pods and their log, at its Service, and at what may keep the API server"
            " from port 9443 of the pods: a NetworkPolicy, a firewall, a pod network that it can't"
            " reach."
        )
    if answer.status in {401, 403}:
        return Failed(
            f"the test's pod was refused: {answer.message}. A policy or a quota of the namespace,"
            " or a right that the test lacks: its Role comes with the release's other hooks."
        )
    return Failed(f"the test's pod was refused with {answer.status}: {answer.message}")


def _shown(value: object) -> str:
    return "not there" if value is None else json.dumps(value)


def _json(data: bytes) -> Object:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": data[:1000].decode(errors="replace")}


def run(api: Api, expected: Expected, patience: float) -> list[str]:
    """Check until it is decided, for so many seconds at most."""
    end = time.monotonic() + patience
    while True:
        try:
            return check(api, expected)
        except Undecided as undecided:
            if time.monotonic() + _PAUSE > end:
                raise
            print(f"trying again: {undecided}", flush=True)
            time.sleep(_PAUSE)


def main(environment: Mapping[str, str]) -> int:
    """Run the test as the environment says; returns the exit code."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    api = Api(
        f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        Path(environment.get("SECRETS", SECRETS)),
    )
    expected = Expected(
        namespace=environment["NAMESPACE"],
        account=environment["SERVICE_ACCOUNT"],
        client_id=environment["CLIENT_ID"],
        tenant_id=environment["TENANT_ID"],
        audience=environment["AUDIENCE"],
    )
    try:
        found = run(api, expected, float(environment.get("PATIENCE", "60")))
    except Failed as failed:
        print(f"FAILED: {failed}")
        return 1
    print("a labelled pod gets its identity:\n  " + "\n  ".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
