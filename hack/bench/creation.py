"""What the creation of a pod takes at the API server, without and with the webhook."""

import json
import time
from contextlib import closing
from typing import Any, Final

from hack.bench.bench import Bench
from hack.bench.figures import median
from hack.bench.reviews import AccountName, captured, request_for, review_for
from hack.bench.stage import Api, Stage, StageFailed, account
from hack.bench.subject import Subject
from identity.names import AZURE_FEDERATED_TOKEN_FILE

_LABEL: Final = "azwi-bench/webhook"
_WARM_UP: Final = 20
_PATIENCE: Final = 10.0

Json = dict[str, Any]


def creation(bench: Bench, subject: Subject) -> None:
    """Create pods in two namespaces in turn, so that both see the same noise."""
    stage = bench.stage
    with closing(stage.api()) as api, bench.running(subject, pinned=False) as server:
        names = [
            _namespace(stage, api, f"{subject.name}-{kind}", {_LABEL: kind})
            for kind in ("no", "yes")
        ]
        asked = review_for(names[1], captured(), "first")
        server.first_good_answer(request_for(asked, bench.host))
        url = f"https://{server.target.address}/mutate-v1-pod"
        try:
            with (
                stage.registered(api, url, bench.folder / "ca.crt", _LABEL),
                bench.step(f"{subject.name}: pod creation") as tell,
            ):
                _wait_for_registration(api, names[1])
                _in_turn(api, names, _WARM_UP)
                each = bench.scale.pods // bench.scale.runs
                for number in range(bench.scale.runs):
                    without, with_webhook = _in_turn(api, names, each)
                    bench.book.add(subject.name, "pod.without", median(without))
                    bench.book.add(subject.name, "pod.with", median(with_webhook))
                    tell(f"{(number + 1) * each}")
        finally:
            for name in names:
                api.call("DELETE", f"{_pods(name)}?gracePeriodSeconds=0")


def _in_turn(api: Api, names: list[AccountName], count: int) -> tuple[list[float], list[float]]:
    """Create pods without and with the webhook in turn; return the milliseconds of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        for name, expected, spent in zip(names, (False, True), times, strict=True):
            ms, injected = _create(api, name)
            if injected != expected:
                raise StageFailed(f"in {name.namespace} a pod was created otherwise")
            spent.append(ms)
    return times


def pod_for(name: AccountName) -> Json:
    """Return the pod of the reviews as its author wrote it, to be scheduled by nobody."""
    pod: Json = captured()["request"]["object"]
    spec = pod["spec"]
    pod["metadata"] = {key: pod["metadata"][key] for key in ("generateName", "labels")}
    spec["serviceAccountName"] = name.name
    spec["schedulerName"] = "azwi-bench-none"
    spec["volumes"] = [found for found in spec["volumes"] if not _is_token(found["name"])]
    for container in spec["containers"]:
        mounts = container["volumeMounts"]
        container["volumeMounts"] = [found for found in mounts if not _is_token(found["name"])]
    for derived in ("serviceAccount", "tolerations", "priority", "preemptionPolicy"):
        spec.pop(derived, None)
    del pod["status"]
    return pod


def _is_token(volume: str) -> bool:
    return volume.startswith("kube-api-access-")


def _namespace(stage: Stage, api: Api, name: str, labels: dict[str, str]) -> AccountName:
    made = AccountName(stage.namespace(api, name, labels), "payments")
    api.call(*account(made))
    return made


def _wait_for_registration(api: Api, name: AccountName) -> None:
    """Wait until the API server asks the webhook: it learns of it by a watch."""
    deadline = time.monotonic() + _PATIENCE
    while not _create(api, name)[1]:
        if time.monotonic() > deadline:
            raise StageFailed("the API server does not ask the webhook")


def _create(api: Api, name: AccountName) -> tuple[float, bool]:
    """Create a pod; return the milliseconds that took, and whether the webhook changed it."""
    body = json.dumps(pod_for(name)).encode()
    began = time.perf_counter()
    made = api.call("POST", _pods(name), body)
    ms = (time.perf_counter() - began) * 1000
    variables = made["spec"]["containers"][0]["env"]
    return ms, any(found["name"] == AZURE_FEDERATED_TOKEN_FILE for found in variables)


def _pods(name: AccountName) -> str:
    return f"/api/v1/namespaces/{name.namespace}/pods"
