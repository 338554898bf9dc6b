"""The manifests that the demo applies, and which part each object plays."""

import re
from dataclasses import dataclass
from pathlib import Path

from hack.demo.errors import DemoFailed
from hack.demo.grant import Grant, read_grant
from hack.demo.manifests import Object, read_objects, the_only
from identity.names import CLIENT_ID, TOKEN_EXPIRATION, USE

_EXAMPLES = Path(__file__).parents[2] / "examples"
MANIFESTS = _EXAMPLES / "quick-start.yaml"
GRANT = _EXAMPLES / "grant.yaml"


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
    grant: Grant
    """What an admin says about it."""

    @property
    def namespace_name(self) -> str:
        """Where everything goes."""
        return str(self.namespace["metadata"]["name"])

    @property
    def account_name(self) -> str:
        """Of the ServiceAccount."""
        return str(self.account["metadata"]["name"])

    @property
    def client_id(self) -> str:
        """The identity that the ServiceAccount's annotation names."""
        return str(self.account["metadata"]["annotations"][CLIENT_ID])

    @property
    def next_client_id(self) -> str:
        """Another identity that is granted: the annotation names it later."""
        return next(one for one in self.grant.client_ids if one != self.client_id)

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
        return f"system:serviceaccount:{self.namespace_name}:{self.account_name}"

    def account_naming(self, client_id: str) -> Object:
        """Return the ServiceAccount with another identity in its annotation."""
        metadata: Object = self.account["metadata"]
        annotations = {**metadata["annotations"], CLIENT_ID: client_id}
        return {**self.account, "metadata": {**metadata, "annotations": annotations}}


def read_quick_start(path: Path, grant: Path = GRANT) -> QuickStart:
    """Read the manifests and what is granted; DemoFailed if the parts aren't all there."""
    objects = read_objects(path)
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
    namespace, account, one_labelled, unlabelled = (
        the_only(found, what, path) for what, found in parts.items()
    )
    found = QuickStart(
        path, objects, namespace, account, one_labelled, unlabelled, read_grant(grant)
    )
    found.grant.check(found.namespace_name, found.account_name, found.client_id)
    return found


def _labels(pod: Object) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _names_identity(account: Object) -> bool:
    return CLIENT_ID in (account["metadata"].get("annotations") or {})
