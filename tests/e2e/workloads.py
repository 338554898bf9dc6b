"""The workloads of examples/workloads.yaml, and asking their pods who they are."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.cluster.api import Api, Json
from tests.e2e.entra import CA_NAME, Entra
from tests.e2e.objects import a_namespace, applied, config_map, example
from tests.e2e.settings import Settings

SHOP: Final = "shop"


def manifests(settings: Settings) -> dict[str, Json]:
    """Read them, by kind and name: `Job/orders-report`."""
    found = example("workloads.yaml", settings.spelt())
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


@contextmanager
def shop(api: Api, entra: Entra) -> Iterator[str]:
    """Have the namespace of the examples, restricted, with the authorities to trust."""
    with applied(api, [a_namespace(SHOP), config_map(SHOP, CA_NAME, ca_crt=entra.ca)]):
        yield SHOP


def pods_of(api: Api, namespace: str, app: str) -> list[Json]:
    """Return the pods of a workload that are not ending."""
    found = api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"app={app}")["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def log_of(api: Api, pod: Json, container: str = "app") -> str:
    """Read what a container said."""
    answer = api.http.get(f"{_path(pod)}/log", params={"container": container})
    answer.raise_for_status()
    return answer.text


def told_by(log: str) -> Json:
    """Find the one line of claims that `--once` printed last."""
    told: Json = json.loads(log.splitlines()[-1])
    return told


def claims_of(api: Api, pod: Json, *, fresh: bool = False) -> Json:
    """Ask a pod that serves to sign in; by the API server, from wherever the tests run."""
    place = f"{_path(pod)[: -len(pod['metadata']['name'])]}{pod['metadata']['name']}:8080"
    answer = api.http.get(f"{place}/proxy/claims{'?fresh' if fresh else ''}")
    assert answer.is_success, f"{answer.status_code}: {answer.text}"
    found: Json = answer.json()
    return found


def a_job(like: Json, name: str) -> Json:
    """Write a Job like another one, of another name, that is tried once."""
    job = copy.deepcopy(like)
    job["metadata"]["name"] = name
    job["spec"]["backoffLimit"] = 0
    template = job["spec"]["template"]
    template["metadata"]["labels"]["app"] = name
    template["spec"]["restartPolicy"] = "Never"
    return job


def ends(api: Api, namespace: str, app: str) -> Json:
    """Wait until a Job's pod has ended, well or not; returns it."""
    return api.events_until(
        f"/api/v1/namespaces/{namespace}/pods",
        lambda pod: pod["status"].get("phase") in {"Succeeded", "Failed"},
        labelSelector=f"app={app}",
    )


def exit_codes(pod: Json) -> dict[str, int]:
    """Return how each container ended."""
    status = pod["status"]
    both = [*status.get("initContainerStatuses", []), *status["containerStatuses"]]
    return {each["name"]: each["state"]["terminated"]["exitCode"] for each in both}


def who(claims: Json) -> tuple[Any, ...]:
    """Whose access token it is, and whose token it was exchanged for."""
    access, projected = claims["access"], claims["projected"]
    return access["appid"], access["tid"], projected["sub"]


def _path(pod: Json) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
