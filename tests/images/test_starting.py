"""Each image starts with a read-only root, as nobody in particular, and without any capability."""

import http.client
import json
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulator.seed.read import DEFAULT_TENANT
from hack.cluster.addresses import free_port
from tests.images.containers import Container, Given, eventually

TENANT = "5f1c9d1e-9f3b-4a53-8d0c-2f6d0c1b7a42"
CLIENT = "3f0c1a52-8d7e-4b6a-9c21-5e4d3c2b1a09"

Start = Callable[..., Container]


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """One that leads to no API server."""
    path = tmp_path / "kubeconfig"
    name = [("cluster", {"server": "https://127.0.0.1:1"}), ("user", {"token": "none"})]
    context = {"name": "it", "context": {"cluster": "it", "user": "it"}}
    parts = {f"{kind}s": [{"name": "it", kind: what}] for kind, what in name}
    path.write_text(json.dumps({"current-context": "it", "contexts": [context], **parts}))
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("webhook", "azwi-webhook: AZURE_TENANT_ID: required"),
        ("controller", "azwi-controller: --tenant-id or AZURE_TENANT_ID: required"),
        ("emulator", "azwi-emulator: --state"),
        ("e2e", "consumer: no AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE"),
    ],
)
def test_without_its_settings_it_says_what_it_needs(start: Start, target: str, says: str) -> None:
    container = start(target, *(["--port=0"] if target == "emulator" else []))
    assert container.wait() == 2, container.said
    assert says in container.said


def test_the_webhook_serves_its_health_and_ends_in_order(start: Start, kubeconfig: Path) -> None:
    port = free_port("127.0.0.1")
    webhook = start(
        "webhook",
        "--kubeconfig=/given/kubeconfig",
        f"--health-addr=:{port}",
        "--metrics-addr=0",
        f"--port={free_port('127.0.0.1')}",
        "--shutdown-delay=0s",
        given=Given(
            environment={"AZURE_TENANT_ID": TENANT},
            files={"/given/kubeconfig": kubeconfig},
            port=port,
        ),
    )
    assert eventually(webhook, lambda: health(port)) == 200
    its_rights_are_none(webhook)
    webhook.terminate()
    assert webhook.wait() == 0, webhook.said


def test_the_controller_serves_its_health_and_ends_in_order(start: Start, kubeconfig: Path) -> None:
    port = free_port("127.0.0.1")
    controller = start(
        "controller",
        "--kubeconfig=/given/kubeconfig",
        f"--tenant-id={TENANT}",
        f"--client-id={CLIENT}",
        "--token-file=/given/token",
        "--namespace=azwi",
        f"--health-addr=:{port}",
        "--metrics-addr=0",
        given=Given(files={"/given/kubeconfig": kubeconfig}, port=port),
    )
    assert eventually(controller, lambda: health(port)) == 200
    its_rights_are_none(controller)
    controller.terminate()
    assert controller.wait() == 0, controller.said


def test_the_emulator_serves_discovery_and_writes_to_its_state_only(start: Start) -> None:
    port = free_port("127.0.0.1")
    emulator = start(
        "emulator",
        "--host=0.0.0.0",
        f"--port={port}",
        f"--imds-port={free_port('127.0.0.1')}",
        "--state=/state",
        given=Given(scratch=["/state"], port=port),
    )
    found = eventually(emulator, lambda: discovery(port))
    assert found["token_endpoint"].endswith(f"/{DEFAULT_TENANT}/oauth2/v2.0/token")
    its_rights_are_none(emulator)
    emulator.terminate()
    assert emulator.wait() == 0, emulator.said


def test_the_workload_serves_its_health_and_ends_in_order(start: Start) -> None:
    port = free_port("127.0.0.1")
    consumer = start(
        "e2e",
        f"--port={port}",
        given=Given(
            environment={
                "AZURE_CLIENT_ID": CLIENT,
                "AZURE_TENANT_ID": TENANT,
                "AZURE_FEDERATED_TOKEN_FILE": "/given/token",
            },
            port=port,
        ),
    )
    assert eventually(consumer, lambda: health(port)) == 200
    its_rights_are_none(consumer)
    consumer.terminate()
    assert consumer.wait() == 0, consumer.said


def its_rights_are_none(container: Container) -> None:
    """As the kernel tells: what was asked of the runner is what the process has."""
    if sys.platform != "linux":
        return  # the engine is on another machine, whose /proc is not ours
    status = container.kernel_says()
    assert status["Uid"].split() == ["65532"] * 4
    assert status["Gid"].split() == ["65532"] * 4
    assert {key: int(status[key], 16) for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {
        "CapEff": 0,
        "CapPrm": 0,
        "CapBnd": 0,
        "CapAmb": 0,
    }
    assert status["NoNewPrivs"] == "1"
    assert "ro" in container.root_options()


def health(port: int) -> int | None:
    """Ask /healthz; nothing where nobody answers yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def discovery(port: int) -> dict[str, Any] | None:
    """Ask for the tenant's OpenID configuration."""
    # The CA is inside of the container, where nobody else may write.
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=10, context=ssl._create_unverified_context()
    )
    try:
        connection.request("GET", f"/{DEFAULT_TENANT}/v2.0/.well-known/openid-configuration")
        answer: dict[str, Any] = json.load(connection.getresponse())
    except OSError:
        return None
    finally:
        connection.close()
    return answer
