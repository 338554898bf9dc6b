"""The manifests that the demo applies, and which part each object plays."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hack.demo.errors import DemoFailed
from identity.names import CLIENT_ID, TOKEN_EXPIRATION, USE

MANIFESTS = Path(__file__).parents[2] / "examples" / "quick-start.yaml"

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class QuickStart:
    """A namespace, an annotated ServiceAccount, a pod that is labelled and one that is not."""

    path: Path
    objects: tuple[Object, ...]
    """All of them, in the order of the file."""
    namespace: Object
    account: Object
    labelled: Object
    unlabelled: Object

    @property
    def namespace_name(self) -> str:
        """Where everything goes."""
        return str(self.namespace["metadata"]["name"])

    @property
    def client_id(self) -> str:
        """The identity that the ServiceAccount's annotation names."""
        return str(self.account["metadata"]["annotations"][CLIENT_ID])

    @property
    def token_seconds(self) -> int:
        """The token's lifetime that the manifests ask for: the pod's word, the account's, 3600."""
        for told in (self.labelled, self.account):
            annotations = told["metadata"].get("annotations") or {}
            if asked := annotations.get(TOKEN_EXPIRATION):
                if not re.fullmatch(r"[0-9]{1,9}", asked):
                    raise DemoFailed(f"{self.path}: {TOKEN_EXPIRATION}: {asked!r} is no number")
                return int(asked)
        return 3600

    @property
    def subject(self) -> str:
        """`sub` of the ServiceAccount's tokens."""
        return f"system:serviceaccount:{self.namespace_name}:{self.account['metadata']['name']}"


def read_quick_start(path: Path) -> QuickStart:
    """Read the manifests; DemoFailed if the parts aren't all there."""
    try:
        objects = tuple(filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8"))))
    except (OSError, yaml.YAMLError) as error:
        raise DemoFailed(f"{path}: expected manifests, found: {error}") from error
    pods = [one for one in objects if one.get("kind") == "Pod"]
    labelled = [pod for pod in pods if _labels(pod).get(USE) == "true"]
    parts = {
        "one Namespace": [one for one in objects if one.get("kind") == "Namespace"],
        f"one ServiceAccount with {CLIENT_ID}": [
            one for one in objects if one.get("kind") == "ServiceAccount" and _names_identity(one)
        ],
        f'one pod with the label {USE}: "true"': labelled,
        "one pod without it": [pod for pod in pods if pod not in labelled],
    }
    for what, found in parts.items():
        if len(found) != 1:
            raise DemoFailed(f"{path}: expected {what}, found {len(found)}")
    namespace, account, one_labelled, unlabelled = (found[0] for found in parts.values())
    return QuickStart(path, objects, namespace, account, one_labelled, unlabelled)


def _labels(pod: Object) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _names_identity(account: Object) -> bool:
    return CLIENT_ID in (account["metadata"].get("annotations") or {})
