"""What must be true of the pods and their token: what is expected beside what was found. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hack.demo.pods import changes, containers
from hack.demo.quick_start import QuickStart
from hack.demo.tokens import Wish, duration
from hack.webhook import TENANT_ID
from identity.names import (
    AZURE_AUTHORITY_HOST,
    AZURE_CLIENT_ID,
    AZURE_FEDERATED_TOKEN_FILE,
    AZURE_TENANT_ID,
    DEFAULT_AUDIENCE,
    MOUNT_PATH,
    TOKEN_PATH,
    VOLUME_NAME,
)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true: equal means true."""

    what: str
    expected: Any
    found: Any

    @property
    def ok(self) -> bool:
        """Whether it is."""
        return bool(self.expected == self.found)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the demo saw. The pods are as the API server stores them, or would store them."""

    labelled_without: Object
    """Before the webhook was registered."""
    labelled: Object
    unlabelled_without: Object
    unlabelled: Object
    again: Object
    """The pod that comes of the labelled one, taken as a template."""
    authority_host: str
    """Where pods are told to get their access tokens."""
    wish: Wish
    claims: Object


def all_checks(seen: Seen, quick_start: QuickStart) -> list[Check]:
    """List all of them, in the order in which things happened."""
    return [
        *pod_checks(seen, quick_start),
        Check(
            "the pod without the label is as it would be without the webhook",
            expected=[],
            found=changes(seen.unlabelled_without, seen.unlabelled),
        ),
        Check(
            "a pod made of the stored one is the same: a second pass changes nothing",
            expected=[],
            found=changes(_named_alike(seen.labelled, seen.again), seen.again),
        ),
        *token_checks(seen, quick_start),
    ]


def pod_checks(seen: Seen, quick_start: QuickStart) -> Iterator[Check]:
    """Check what the labelled pod got."""
    before, after = seen.labelled_without, seen.labelled
    yield Check(
        "nothing of the pod was removed or changed",
        expected=[],
        found=[line for line in changes(before, after) if line.startswith("-")],
    )
    variables = {
        AZURE_CLIENT_ID: quick_start.client_id,
        AZURE_TENANT_ID: TENANT_ID,
        AZURE_FEDERATED_TOKEN_FILE: f"{MOUNT_PATH}/{TOKEN_PATH}",
        AZURE_AUTHORITY_HOST: seen.authority_host,
    }
    mount = {"name": VOLUME_NAME, "mountPath": MOUNT_PATH, "readOnly": True}
    for container in containers(after):
        yield Check(
            f"container {container['name']} has the variables that Azure SDKs read",
            expected=variables,
            found=_variables(container, variables),
        )
        yield Check(
            f"container {container['name']} has the token's volume, mounted read-only",
            expected=[mount],
            found=_mounts(container),
        )


def token_checks(seen: Seen, quick_start: QuickStart) -> Iterator[Check]:
    """Check what the volume asks for, and what the API server gave."""
    wish, claims, metadata = seen.wish, seen.claims, seen.labelled["metadata"]
    yield Check(
        "the volume asks for what the manifests say",
        expected=Wish(DEFAULT_AUDIENCE, quick_start.token_seconds, TOKEN_PATH),
        found=wish,
    )
    yield Check("the token's audience is that", expected=[wish.audience], found=claims["aud"])
    yield Check(
        f"its subject is {quick_start.subject}",
        expected=quick_start.subject,
        found=claims["sub"],
    )
    yield Check(
        f"it is good for {duration(wish.seconds)}",
        expected=wish.seconds,
        found=claims["exp"] - claims["iat"],
    )
    yield Check(
        "it is bound to the pod: it ends with it",
        expected={"name": metadata["name"], "uid": metadata["uid"]},
        found=claims.get("kubernetes.io", {}).get("pod"),
    )


def _variables(container: Object, wanted: dict[str, str]) -> dict[str, str | None]:
    return {
        variable["name"]: variable.get("value")
        for variable in container.get("env", [])
        if variable["name"] in wanted
    }


def _mounts(container: Object) -> list[Object]:
    mounts = container.get("volumeMounts", [])
    return [mount for mount in mounts if mount["mountPath"] == MOUNT_PATH]


def _named_alike(pod: Object, other: Object) -> Object:
    return {**pod, "metadata": {**pod["metadata"], "name": other["metadata"]["name"]}}
