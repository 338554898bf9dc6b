"""A plain JSON client of the API server for tests: typed ones would change pods by themselves."""

import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from hack.cluster import Cluster
from webhook.kube.kubeconfig import kubeconfig_connection

Json = dict[str, Any]


class Refused(AssertionError):  # noqa: N818 - it says what happened
    """The API server said no; the text is its message."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code}: {answer.json().get('message', answer.text)}")
        self.code = answer.status_code
        self.message = str(answer.json().get("message"))


class Api:
    """What tests ask of an API server; raises `Refused` for whatever is not a success."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def get(self, path: str, **params: Any) -> Json:
        return self._json(self.http.get(path, params=params))

    def post(self, path: str, body: Json, **params: Any) -> Json:
        return self._json(self.http.post(path, json=body, params=params))

    def put(self, path: str, body: Json) -> Json:
        return self._json(self.http.put(path, json=body))

    def merge(self, path: str, patch: Json) -> Json:
        """Change an object by a JSON merge patch (RFC 7386)."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._json(self.http.patch(path, json=patch, headers=headers))

    def delete(self, path: str) -> None:
        self._json(self.http.delete(path, params={"gracePeriodSeconds": 0}))

    def create_pod(self, namespace: str, pod: Json, **params: Any) -> tuple[Json, list[str]]:
        """Create a pod; returns it as stored, and the warnings that came with it."""
        answer = self.http.post(f"/api/v1/namespaces/{namespace}/pods", json=pod, params=params)
        return self._json(answer), warnings_of(answer)

    def events_until(
        self, path: str, seen: Callable[[Json], bool], *, seconds: int = 120, **params: Any
    ) -> Json:
        """Watch a collection, from its present content on, until an object is what is wanted."""
        params = {"watch": 1, "timeoutSeconds": seconds, **params}
        with self.http.stream("GET", path, params=params, timeout=seconds + 10) as answer:
            for line in answer.iter_lines():
                event: Json = httpx.Response(200, content=line).json()
                if event["type"] in {"ADDED", "MODIFIED"} and seen(event["object"]):
                    found: Json = event["object"]
                    return found
        raise AssertionError(f"nothing of {path} became what was waited for in {seconds} s")

    def _json(self, answer: httpx.Response) -> Json:
        if not answer.is_success:
            raise Refused(answer)
        found: Json = answer.json()
        return found


def warnings_of(answer: httpx.Response) -> list[str]:
    """The texts of `Warning` headers (RFC 7234, 5.5): `299 - "text"`."""
    return [
        header.split(" ", 2)[2].strip('"').replace('\\"', '"')
        for header in answer.headers.get_list("warning")
    ]


@contextmanager
def api_of(cluster: Cluster, kubeconfig: Path | None = None) -> Iterator[Api]:
    """Talk to a cluster, as its administrator unless another kubeconfig is given."""
    connection = kubeconfig_connection(kubeconfig or cluster.kubeconfig)
    token = connection.token.current() if connection.token else None
    with httpx.Client(
        base_url=connection.base_url,
        verify=connection.ssl_context or ssl.create_default_context(),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        trust_env=False,
        timeout=60,
    ) as http:
        yield Api(http)


def ensure_default(api: Api, namespace: str) -> None:
    """Make the ServiceAccount `default`, unless a controller was faster.

    After the API server was restarted, controllers come back only some half a minute later.
    """
    try:
        body = {"metadata": {"name": "default"}}
        api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", body)
    except Refused as refused:
        if refused.code != httpx.codes.CONFLICT:
            raise


@contextmanager
def a_namespace(api: Api, prefix: str, **labels: str) -> Iterator[str]:
    """A namespace of a test's own, with its `default` ServiceAccount there."""
    name = f"{prefix}-{uuid.uuid4().hex[:6]}"
    api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    try:
        ensure_default(api, name)
        yield name
    finally:
        api.delete(f"/api/v1/namespaces/{name}")
