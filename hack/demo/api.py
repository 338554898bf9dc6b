"""The API server as the demo speaks to it: raw objects in, raw objects out."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hack.demo.errors import ApiRefused, DemoFailed

Object = dict[str, Any]

_MANAGER = "azwi-demo"
_SECONDS = 30
_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "FederatedIdentityCredential": "federatedidentitycredentials",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "Namespace": "namespaces",
    "Pod": "pods",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ServiceAccount": "serviceaccounts",
}
_JSON = "application/json, */*;q=0.5"  # an issuer's keys have a media type of their own
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


class Api:
    """A client of one cluster. Every method raises ApiRefused, or DemoFailed without an answer."""

    def __init__(self, kubeconfig: Path, *, own: bool) -> None:
        # Imported here: half a second, in which the demo has said already what it is about.
        from kubernetes import client, config  # noqa: PLC0415

        settings: Any = client.Configuration()
        settings.retries = False
        if own:
            settings.proxy = None  # on this machine: a proxy of the environment is for elsewhere
        load: Any = config.load_kube_config
        load(str(kubeconfig), client_configuration=settings)
        self._client: Any = client.ApiClient(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._client.rest_client.pool_manager.clear()

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Apply an object as `kubectl apply --server-side` does; returns what is stored.

        With `dry_run` it returns what would be stored: admission has its say, nothing is kept.
        """
        query = [("fieldManager", _MANAGER), *([("dryRun", "All")] if dry_run else [])]
        return self._ask("PATCH", path_of(wanted), query, wanted, "application/apply-patch+yaml")

    def find(self, like: Object) -> Object | None:
        """Read the object of this kind and name; none if there is none."""
        try:
            return self._ask("GET", path_of(like))
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise

    def get(self, path: str) -> Object:
        """Read what stands at a path."""
        return self._ask("GET", path)

    def table(self, path: str) -> Object:
        """Read a collection as the table that kubectl prints.

        Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
        """
        return self._ask("GET", path, accept=_TABLE)

    def merge(self, there: Object, patch: Object) -> None:
        """Change an object by a JSON merge patch (RFC 7386)."""
        self._ask("PATCH", path_of(there), [], patch, "application/merge-patch+json")

    def post(self, path: str, wanted: Object) -> Object:
        """Post an object to a path."""
        return self._ask("POST", path, [], wanted)

    def delete(self, there: Object) -> None:
        """Delete an object, if it is there."""
        try:
            self._ask("DELETE", path_of(there))
        except ApiRefused as error:
            if error.status != 404:
                raise

    def await_end(
        self, there: Object, seconds: float, *, given_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until an object is gone; false if it isn't by then, or if somebody gives up."""
        end = time.monotonic() + seconds
        while self.find(there):
            if given_up() or time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def _ask(  # noqa: PLR0913 - a request has that many parts
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        *,
        accept: str = _JSON,
    ) -> Object:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        request = self._client.param_serialize(
            method,
            path,
            query_params=query or [],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=_SECONDS)
            text = answer.read()
        except HTTPError as error:
            raise DemoFailed(f"{method} {path}: expected an answer, found: {error}") from error
        if answer.status >= 400:
            raise ApiRefused(f"{method} {path}", answer.status, _message(text))
        found: Object = json.loads(text)
        return found


def path_of(named: Object) -> str:
    """Tell where an object of this kind and name stands."""
    version, metadata = named["apiVersion"], named["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if namespace := metadata.get("namespace"):
        root += f"/namespaces/{namespace}"
    return f"{root}/{_PLURALS[named['kind']]}/{metadata['name']}"


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:500]
